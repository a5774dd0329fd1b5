//! The bounded queue of lines, and the thread that writes them.
//!
//! Lines are appended to one text, and the writer takes the whole text at a time: a request pays for a short lock and a
//! copy, and the target gets few large writes. Waking a thread costs more than a line: so the first line of a batch wakes
//! the writer, which then waits a moment for more lines.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use metrics::{Counter, counter};

use super::super::names;

/// The most bytes that wait for the writer.
pub(super) const CAPACITY: usize = 1 << 20;
/// The time that the writer waits for a batch to fill.
const FILL_TIME: Duration = Duration::from_millis(10);
/// The capacity that a buffer keeps after a burst.
const KEEP: usize = 64 * 1024;

/// The requests' end of the queue. The writer still writes all queued lines after this end is dropped.
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    state: Mutex<QueueState>,
    wake: Condvar,
    written: Condvar,
    capacity: usize,
    dropped: AtomicU64,
    counter: Counter,
}

#[derive(Default)]
struct QueueState {
    pending: String,
    writing: bool,
    /// A flush waits for the text to be written.
    hurry: bool,
    closed: bool,
}

impl Queue {
    /// Starts the writer.
    pub(super) fn start(target: Box<dyn Write + Send>, capacity: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            written: Condvar::new(),
            capacity,
            dropped: AtomicU64::new(0),
            counter: counter!(names::ACCESS_LOG_DROPPED),
        });
        let writer = shared.clone();
        std::thread::Builder::new().name("mesh-access-log".into()).spawn(move || writer.run(target))?;
        Ok(Self(shared))
    }

    /// Adds lines, each with its newline; drops them if there is no room.
    pub(super) fn push(&self, line: &str) {
        let mut state = self.0.lock();
        let before = state.pending.len();
        let after = before + line.len();
        if after > self.0.capacity {
            drop(state);
            return self.0.drop_lines(1);
        }
        state.pending.push_str(line);
        drop(state);
        let half = self.0.capacity / 2;
        if before == 0 || (before < half && after >= half) {
            self.0.wake.notify_one();
        }
    }

    /// Waits until all queued lines are written; false if that takes longer than `timeout`.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.0.lock();
        while state.writing || !state.pending.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state.hurry = true;
            self.0.wake.notify_one();
            (state, _) = self.0.written.wait_timeout(state, left).expect("no panic under this lock");
        }
        true
    }

    /// The number of lines that were not written.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().expect("no panic under this lock")
    }

    fn drop_lines(&self, lines: u64) {
        // Relaxed: a count that orders no other access.
        self.dropped.fetch_add(lines, Ordering::Relaxed);
        self.counter.increment(lines);
    }

    /// The writer's loop.
    fn run(&self, mut target: Box<dyn Write + Send>) {
        let mut batch = String::new();
        loop {
            let idle = |state: &mut QueueState| state.pending.is_empty() && !state.closed;
            let mut state = self.wake.wait_while(self.lock(), idle).expect("no panic under this lock");
            if state.pending.is_empty() {
                return;
            }
            let filling = |state: &mut QueueState| {
                !state.hurry && !state.closed && state.pending.len() < self.capacity / 2
            };
            (state, _) =
                self.wake.wait_timeout_while(state, FILL_TIME, filling).expect("no panic under this lock");
            std::mem::swap(&mut state.pending, &mut batch);
            state.writing = true;
            state.hurry = false;
            drop(state);
            if target.write_all(batch.as_bytes()).and_then(|()| target.flush()).is_err() {
                self.drop_lines(batch.bytes().filter(|&byte| byte == b'\n').count() as u64);
            }
            batch.clear();
            batch.shrink_to(KEEP);
            self.lock().writing = false;
            self.written.notify_all();
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Reports the text that it is given, and blocks until the test lets it go on.
    struct Gate(mpsc::Sender<String>, mpsc::Receiver<io::Result<()>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
            self.1.recv().unwrap().map(|()| bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated(capacity: usize) -> (Queue, mpsc::Receiver<String>, mpsc::Sender<io::Result<()>>) {
        let (sender, seen) = mpsc::channel();
        let (leave, receiver) = mpsc::channel();
        (Queue::start(Box::new(Gate(sender, receiver)), capacity).unwrap(), seen, leave)
    }

    #[test]
    fn al_6_a_full_queue_drops_and_counts_and_never_blocks() {
        let (queue, seen, leave) = gated(12);
        queue.push("first\n");
        assert_eq!(seen.recv().unwrap(), "first\n");
        // The target blocks from here on.
        queue.push("a\n");
        queue.push("bb\n");
        queue.push("too long\n");
        queue.push("c\n");
        assert_eq!(queue.dropped(), 1);
        assert!(!queue.flush(Duration::from_millis(1)));
        leave.send(Ok(())).unwrap();
        leave.send(Ok(())).unwrap();
        assert!(queue.flush(Duration::from_secs(60)));
        assert_eq!(seen.recv().unwrap(), "a\nbb\nc\n");
    }

    #[test]
    fn lines_are_written_after_the_last_handle_is_gone() {
        let (queue, seen, leave) = gated(CAPACITY);
        queue.push("last\n");
        drop(queue);
        leave.send(Ok(())).unwrap();
        assert_eq!(seen.recv().unwrap(), "last\n");
        assert!(seen.recv().is_err(), "the writer is gone");
    }

    #[test]
    fn lines_that_the_target_refuses_are_counted() {
        let (queue, seen, leave) = gated(CAPACITY);
        queue.push("a\nb\n");
        seen.recv().unwrap();
        leave.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        assert!(queue.flush(Duration::from_secs(60)));
        assert_eq!(queue.dropped(), 2);
    }
}
