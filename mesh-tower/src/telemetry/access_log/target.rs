//! [`AccessLog`]: a format and a target, which may change while requests run.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};
use mesh_core::plan::AccessLogTarget;
use mesh_core::telemetry::access_log::{Format, Record};

use super::queue::{CAPACITY, Queue};

/// The most lines that a log in memory keeps.
const MEMORY: usize = 65_536;
/// The capacity that a thread's buffer keeps after a long line.
const KEEP: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// An access log; off by default.
///
/// Clones share the log. The thread of the request makes the line, and a thread of the log writes it. A request never
/// waits: when the queue is full, the line is dropped and counted.
#[derive(Clone, Debug, Default)]
pub struct AccessLog(Arc<Current>);

/// The sink in force. If the log is off, as most logs are, a request only reads a flag.
#[derive(Debug, Default)]
struct Current {
    sink: ArcSwapOption<Sink>,
    on: AtomicBool,
}

impl Current {
    fn load(&self) -> Guard<Option<Arc<Sink>>> {
        self.sink.load()
    }

    fn store(&self, sink: Option<Arc<Sink>>) {
        let on = sink.is_some();
        self.sink.store(sink);
        // Release: a reader of the flag must see the sink.
        self.on.store(on, Ordering::Release);
    }
}

/// A format and a target. A request keeps the sink that it began with.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) format: Format,
    output: Arc<Output>,
    target: Option<AccessLogTarget>,
}

#[derive(Debug)]
enum Output {
    Queue(Queue),
    Memory(Lines),
}

/// The lines of a log in memory; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Takes the lines, without their newlines, oldest first.
    ///
    /// # Panics
    /// If another thread panicked while it wrote one.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic while a line is kept"))
    }

    fn push(&self, line: &str) {
        let mut lines = self.0.lock().expect("no panic while a line is kept");
        if lines.len() < MEMORY {
            lines.push(line.trim_end_matches('\n').to_owned());
        }
    }
}

impl AccessLog {
    /// A log that writes nothing until it is [configured](Self::configure).
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// A log in memory, written at once, for tests.
    #[must_use]
    pub fn in_memory(format: Format) -> (Self, Lines) {
        let lines = Lines::default();
        (Self::with(format, Output::Memory(lines.clone()), None), lines)
    }

    /// A log that writes to `writer`, from a thread of its own.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn to_writer(format: Format, writer: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Queue::start(Box::new(writer), CAPACITY)?;
        Ok(Self::with(format, Output::Queue(queue), None))
    }

    fn with(format: Format, output: Output, target: Option<AccessLogTarget>) -> Self {
        let sink = Sink { format, output: Arc::new(output), target };
        let log = Self::off();
        log.0.store(Some(Arc::new(sink)));
        log
    }

    /// Writes by these settings of a plan from now on; `None` turns the log off. A target that stays the same is not
    /// opened again.
    ///
    /// # Errors
    /// If a file cannot be opened, or no thread can be started; the log stays as it was.
    pub fn configure(&self, settings: Option<&(Arc<Format>, AccessLogTarget)>) -> io::Result<()> {
        let Some((format, target)) = settings else {
            self.0.store(None);
            return Ok(());
        };
        let before = self.0.sink.load_full().filter(|sink| sink.target.as_ref() == Some(target));
        let output = match before {
            Some(sink) => sink.output.clone(),
            None => Arc::new(Output::Queue(Queue::start(open(target)?, CAPACITY)?)),
        };
        let sink = Sink { format: Format::clone(format), output, target: Some(target.clone()) };
        self.0.store(Some(Arc::new(sink)));
        Ok(())
    }

    /// Whether lines are written.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load().is_some()
    }

    /// Writes one line that is not of a request, for example of a TCP connection.
    pub fn write(&self, record: &Record<'_>) {
        if let Some(sink) = &*self.0.load() {
            sink.write(record);
        }
    }

    /// Waits until all logged lines are written; false if that takes longer than `timeout`. It blocks the thread: call it
    /// at the end of a process.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> bool {
        match self.0.load().as_deref().map(|sink| &*sink.output) {
            Some(Output::Queue(queue)) => queue.flush(timeout),
            Some(Output::Memory(_)) | None => true,
        }
    }

    /// The number of lines that the present target has lost.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        match self.0.load().as_deref().map(|sink| &*sink.output) {
            Some(Output::Queue(queue)) => queue.dropped(),
            Some(Output::Memory(_)) | None => 0,
        }
    }

    /// The sink for the line of a request that begins now; `None` if the log is off.
    pub(super) fn sink(&self) -> Option<Arc<Sink>> {
        if !self.0.on.load(Ordering::Acquire) {
            return None;
        }
        self.0.load().clone()
    }
}

impl Sink {
    pub(super) fn write(&self, record: &Record<'_>) {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            buffer.shrink_to(KEEP);
            self.format.write(record, buffer);
            match &*self.output {
                Output::Queue(queue) => queue.push(buffer),
                Output::Memory(lines) => lines.push(buffer),
            }
        });
    }
}

fn open(target: &AccessLogTarget) -> io::Result<Box<dyn Write + Send>> {
    Ok(match target {
        AccessLogTarget::Stdout => Box::new(io::stdout()),
        AccessLogTarget::Stderr => Box::new(io::stderr()),
        AccessLogTarget::File(path) => {
            let file = OpenOptions::new().append(true).create(true).open(path);
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"));
            Box::new(file.map_err(named)?)
        }
    })
}
