//! One connection as seen from outside its task: what it does, and which order it has.
//!
//! hyper can time out a head that comes too slowly, but arms and drops a timer for every request, and cannot
//! tell an idle connection from a stalled one. Here each connection keeps three counts, and one sweep per
//! worker reads them now and then:
//!
//! | no request open, and | is | allowed |
//! |---|---|---|
//! | bytes came since the last response, or no request yet | a head that does not end | 30 s |
//! | nothing came | idle | 1 h |
//!
//! A head that stops short counts from the first bytes that came alone. What came in one piece with the request before
//! it is in hyper's buffer, which cannot be looked into: until more bytes come, such a connection is idle.
//!
//! Over HTTP/2 bytes say nothing of a head, and other requests may be open: there the frames tell which head, or
//! trailers, have begun and not ended, and 30 s are allowed for that too.
//!
//! A tunnel is one open request for as long as it stands; it may be idle for an hour too (VA-14).
//!
//! Orders go the other way: the control thread writes one and wakes the connection's task, which reads it
//! when it is polled. So a connection at work pays one relaxed load for the orders.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use mesh_core::plan::ListenerKey;
use mesh_tower::telemetry::names::HEADER_TIMEOUT;
use metrics::counter;

/// How long the head of a request may take.
pub(crate) const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// How long a connection may do nothing.
pub(super) const IDLE_LIMIT: Duration = Duration::from_secs(3600);

/// An order to a connection; it only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Order {
    /// Go on.
    Serve,
    /// Say with the next answer that this connection closes; no request is interrupted.
    Drain,
    /// Close as soon as nothing is open.
    Leave,
    /// Close now.
    End,
}

/// One connection as seen from outside its task.
#[derive(Debug)]
pub(crate) struct Activity {
    pub(super) listener: ListenerKey,
    order: AtomicU8,
    /// Frames of HTTP/2 come at any time and say nothing of a head.
    multiplexed: AtomicBool,
    /// The open request is a tunnel: its reads count as use.
    tunnel: AtomicBool,
    open: AtomicU32,
    served: AtomicU32,
    reads: AtomicU32,
    /// `reads` when the last open request ended.
    reads_before: AtomicU32,
    /// The head of HTTP/2 that has begun and not ended, by its number; 0 for none.
    unfinished: AtomicU64,
    waker: Mutex<Option<Waker>>,
    /// The unfinished head at the last sweep, and since when it is unfinished.
    seen_unfinished: Mutex<Option<(u64, Instant)>>,
    /// The state at the last sweep, and since when it has not changed.
    seen: Mutex<Option<(Still, Instant)>>,
    /// When the connection ends after its listener was closed.
    pub(super) deadline: Mutex<Option<Instant>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Still {
    served: u32,
    half_a_head: bool,
}

// Relaxed throughout: each value is read alone, and an order is followed by a wake, which orders it.
impl Activity {
    pub(super) fn new(listener: ListenerKey, order: Order) -> Self {
        Self {
            listener,
            order: AtomicU8::new(order as u8),
            multiplexed: AtomicBool::new(false),
            tunnel: AtomicBool::new(false),
            open: AtomicU32::new(0),
            served: AtomicU32::new(0),
            reads: AtomicU32::new(0),
            reads_before: AtomicU32::new(0),
            unfinished: AtomicU64::new(0),
            waker: Mutex::default(),
            seen_unfinished: Mutex::default(),
            seen: Mutex::default(),
            deadline: Mutex::default(),
        }
    }

    pub(crate) fn read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// How often bytes came.
    #[cfg(test)]
    pub(crate) fn reads(&self) -> u32 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(crate) fn multiplexed(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
    }

    /// Which head has begun and not ended.
    pub(crate) fn unfinished(&self, head: u64) {
        self.unfinished.store(head, Ordering::Relaxed);
    }

    pub(crate) fn tunnel(&self) {
        self.tunnel.store(true, Ordering::Relaxed);
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(self.clone())
    }

    pub(crate) fn order(&self) -> Order {
        match self.order.load(Ordering::Relaxed) {
            0 => Order::Serve,
            1 => Order::Drain,
            2 => Order::Leave,
            _ => Order::End,
        }
    }

    /// Sets the task that an order wakes.
    pub(crate) fn watch(&self, waker: &Waker) {
        *lock(&self.waker) = Some(waker.clone());
    }

    /// Resolves once the order is this one, or a later one.
    pub(crate) async fn ordered(&self, order: Order) {
        std::future::poll_fn(|cx| {
            // Before the look, so that no order is missed.
            self.watch(cx.waker());
            if self.order() >= order { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    pub(super) fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::Relaxed);
        if let Some(waker) = &*lock(&self.waker) {
            waker.wake_by_ref();
        }
    }

    pub(super) fn sweep(&self, now: Instant) {
        if lock(&self.deadline).is_some_and(|deadline| now >= deadline) {
            return self.tell(Order::End);
        }
        if self.sweep_unfinished(now) {
            return self.time_out();
        }
        let mut seen = lock(&self.seen);
        let tunnel = self.tunnel.load(Ordering::Relaxed);
        if !tunnel && self.open.load(Ordering::Relaxed) > 0 {
            *seen = None;
            return;
        }
        let served = if tunnel { &self.reads } else { &self.served }.load(Ordering::Relaxed);
        let read_since = self.reads.load(Ordering::Relaxed) != self.reads_before.load(Ordering::Relaxed);
        let half_a_head = !tunnel && !self.multiplexed.load(Ordering::Relaxed) && (read_since || served == 0);
        let still = Still { served, half_a_head };
        match *seen {
            Some((before, since)) if before == still => {
                let limit = if half_a_head { HEAD_LIMIT } else { IDLE_LIMIT };
                if now.saturating_duration_since(since) >= limit {
                    if half_a_head {
                        self.time_out();
                    } else {
                        self.tell(if tunnel { Order::End } else { Order::Leave });
                    }
                }
            }
            _ => *seen = Some((still, now)),
        }
    }
}

// Heads of HTTP/2, below the table in this module's header.
impl Activity {
    /// Whether one head of HTTP/2 has not ended for too long.
    fn sweep_unfinished(&self, now: Instant) -> bool {
        let head = self.unfinished.load(Ordering::Relaxed);
        let mut seen = lock(&self.seen_unfinished);
        match *seen {
            Some((before, since)) if before == head && head != 0 => {
                now.saturating_duration_since(since) >= HEAD_LIMIT
            }
            _ => {
                *seen = Some((head, now));
                false
            }
        }
    }

    /// Ends the connection because a head did not end in time.
    pub(crate) fn time_out(&self) {
        if self.order() < Order::End {
            counter!(HEADER_TIMEOUT).increment(1);
        }
        self.tell(Order::End);
    }
}

/// A request that has come and whose response has not ended.
#[derive(Debug)]
pub(crate) struct Open(Arc<Activity>);

impl Open {
    pub(crate) fn order(&self) -> Order {
        self.0.order()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let activity = &self.0;
        activity.served.fetch_add(1, Ordering::Relaxed);
        activity.reads_before.store(activity.reads.load(Ordering::Relaxed), Ordering::Relaxed);
        activity.open.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no panic while a connection's entry is held")
}
