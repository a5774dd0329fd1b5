//! The open connections of one worker: what they are doing, and what they were told to do.
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
//! it is in hyper's buffer, where nobody can see it: until more of it comes, such a connection is idle.
//!
//! Over HTTP/2 bytes say nothing of a head, and other requests may be open: there the frames tell which head, or
//! trailers, have begun and not ended, and 30 s are allowed for that too.
//!
//! A tunnel is one open request for as long as it stands; it may be idle for an hour too (VA-14).
//!
//! Orders go the other way: the control thread writes one and wakes the connection's task, which reads it
//! when it is polled. So a connection at work pays one relaxed load for being told to stop some day.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use mesh_tower::telemetry::names::HEADER_TIMEOUT;
use metrics::counter;
use tokio::sync::Notify;

/// How long the head of a request may take.
pub(crate) const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// How long a connection may do nothing.
const IDLE_LIMIT: Duration = Duration::from_secs(3600);

/// What a connection is told; only ever raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Order {
    /// Go on.
    Serve,
    /// Say with the next answer that this connection closes: nobody is interrupted.
    Drain,
    /// Close as soon as nothing is open.
    Leave,
    /// Close now.
    End,
}

/// One connection as seen from outside its task.
#[derive(Debug)]
pub(crate) struct Activity {
    listener: Arc<str>,
    order: AtomicU8,
    /// Frames of HTTP/2 come at any time and say nothing of a head.
    multiplexed: AtomicBool,
    /// What is open is a tunnel: reads, not requests, tell that it is used.
    tunnel: AtomicBool,
    open: AtomicU32,
    served: AtomicU32,
    reads: AtomicU32,
    /// `reads` when the last open request ended.
    reads_before: AtomicU32,
    /// The head of HTTP/2 that has begun and not ended, by its number; 0 for none.
    unfinished: AtomicU64,
    waker: Mutex<Option<Waker>>,
    /// The head that the last sweep saw unfinished, and since when it has been so.
    seen_unfinished: Mutex<Option<(u64, Instant)>>,
    /// What the last sweep saw, and since when it has been so.
    seen: Mutex<Option<(Still, Instant)>>,
    /// Until when it may go on after its listener was closed.
    deadline: Mutex<Option<Instant>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Still {
    served: u32,
    half_a_head: bool,
}

// Relaxed throughout: each value is read alone, and an order is followed by a wake, which orders it.
impl Activity {
    fn new(listener: Arc<str>, order: Order) -> Self {
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

    /// Names the task to wake for an order.
    pub(crate) fn watch(&self, waker: &Waker) {
        *lock(&self.waker) = Some(waker.clone());
    }

    /// Resolves once this is ordered, or more.
    pub(crate) async fn told(&self, order: Order) {
        std::future::poll_fn(|cx| {
            // Before the look, so that no order is missed.
            self.watch(cx.waker());
            if self.order() >= order { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::Relaxed);
        if let Some(waker) = &*lock(&self.waker) {
            waker.wake_by_ref();
        }
    }

    fn sweep(&self, now: Instant) {
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

// Below the table above.
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

    /// Ends it for a head that does not end.
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

/// The open connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: Mutex<Entries>,
    emptied: Notify,
}

#[derive(Debug)]
struct Entries {
    next: u64,
    /// What connections are told that come from now on.
    order: Order,
    open: HashMap<u64, Arc<Activity>>,
}

impl Default for Entries {
    fn default() -> Self {
        Self { next: 0, order: Order::Serve, open: HashMap::new() }
    }
}

impl Registry {
    /// A connection begins.
    pub(crate) fn enter(self: &Arc<Self>, listener: &Arc<str>) -> Ticket {
        let mut entries = lock(&self.entries);
        let id = entries.next;
        entries.next += 1;
        let activity = Arc::new(Activity::new(listener.clone(), entries.order));
        entries.open.insert(id, activity.clone());
        Ticket { id, activity, registry: self.clone() }
    }

    /// How many connections are open.
    pub(crate) fn len(&self) -> usize {
        lock(&self.entries).open.len()
    }

    /// Tells all connections, and those to come.
    pub(crate) fn tell(&self, order: Order) {
        let mut entries = lock(&self.entries);
        entries.order = entries.order.max(order);
        for activity in entries.open.values() {
            activity.tell(order);
        }
    }

    /// Lets the connections of a listener that is gone finish their work until `deadline`.
    pub(crate) fn leave(&self, listener: &str, deadline: Instant) {
        for activity in lock(&self.entries).open.values().filter(|activity| &*activity.listener == listener) {
            *lock(&activity.deadline) = Some(deadline);
            activity.tell(Order::Leave);
        }
    }

    /// Looks for connections that have done nothing for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        for activity in lock(&self.entries).open.values() {
            activity.sweep(now);
        }
    }

    /// Waits until no connection is open.
    pub(crate) async fn emptied(&self) {
        loop {
            let notified = self.emptied.notified();
            if self.len() == 0 {
                return;
            }
            notified.await;
        }
    }
}

/// The place of a connection in the registry, until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    id: u64,
    pub(crate) activity: Arc<Activity>,
    registry: Arc<Registry>,
}

impl Ticket {
    /// A place for what this connection has become, such as a tunnel.
    pub(crate) fn again(registry: &Arc<Registry>, activity: &Activity) -> Self {
        registry.enter(&activity.listener)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut entries = lock(&self.registry.entries);
        entries.open.remove(&self.id);
        if entries.open.is_empty() {
            self.registry.emptied.notify_waiters();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no panic while a connection's entry is held")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered() -> (Arc<Registry>, Ticket) {
        let registry = Arc::new(Registry::default());
        let ticket = registry.enter(&"gateway|80".into());
        (registry, ticket)
    }

    #[test]
    fn half_a_head_has_thirty_seconds_and_an_idle_connection_an_hour() {
        let (registry, ticket) = entered();
        let start = Instant::now();
        registry.sweep(start);
        registry.sweep(start + HEAD_LIMIT / 2);
        assert_eq!(ticket.activity.order(), Order::Serve);
        ticket.activity.read();
        drop(ticket.activity.begin());
        registry.sweep(start + HEAD_LIMIT);
        registry.sweep(start + HEAD_LIMIT * 3);
        assert_eq!(ticket.activity.order(), Order::Serve, "idle between requests");
        registry.sweep(start + HEAD_LIMIT + IDLE_LIMIT);
        assert_eq!(ticket.activity.order(), Order::Leave);
    }

    #[test]
    fn a_connection_that_dribbles_is_ended() {
        let (registry, ticket) = entered();
        drop(ticket.activity.begin());
        let start = Instant::now();
        for second in 0..=30 {
            ticket.activity.read();
            registry.sweep(start + Duration::from_secs(second));
        }
        assert_eq!(ticket.activity.order(), Order::End);
    }

    /// GW-12
    #[test]
    fn a_head_of_http2_that_does_not_end_is_ended_whatever_else_is_open() {
        let (registry, ticket) = entered();
        ticket.activity.multiplexed();
        let _open = ticket.activity.begin();
        let start = Instant::now();
        // One after the other: each has the time.
        for head in 1..5 {
            ticket.activity.unfinished(head);
            registry.sweep(start + HEAD_LIMIT * u32::try_from(head).unwrap() / 2);
        }
        ticket.activity.unfinished(0);
        registry.sweep(start + HEAD_LIMIT * 3);
        registry.sweep(start + HEAD_LIMIT * 5);
        ticket.activity.unfinished(5);
        registry.sweep(start + HEAD_LIMIT * 5);
        ticket.activity.read();
        assert_eq!(ticket.activity.order(), Order::Serve);
        registry.sweep(start + HEAD_LIMIT * 6);
        assert_eq!(ticket.activity.order(), Order::End);
    }

    #[test]
    fn an_open_request_has_no_limit_here() {
        let (registry, ticket) = entered();
        let _open = ticket.activity.begin();
        let start = Instant::now();
        registry.sweep(start);
        registry.sweep(start + IDLE_LIMIT * 2);
        assert_eq!(ticket.activity.order(), Order::Serve);
    }

    #[test]
    fn va_14_a_tunnel_may_be_idle_for_an_hour() {
        let (registry, ticket) = entered();
        ticket.activity.tunnel();
        let _open = ticket.activity.begin();
        let start = Instant::now();
        registry.sweep(start);
        ticket.activity.read();
        registry.sweep(start + IDLE_LIMIT);
        assert_eq!(ticket.activity.order(), Order::Serve, "it was used");
        registry.sweep(start + IDLE_LIMIT * 2);
        assert_eq!(ticket.activity.order(), Order::End);
    }

    #[tokio::test]
    async fn orders_reach_those_who_come_later_and_never_fall() {
        let (registry, ticket) = entered();
        registry.tell(Order::Leave);
        registry.tell(Order::Drain);
        assert_eq!(ticket.activity.order(), Order::Leave);
        let later = registry.enter(&"gateway|80".into());
        assert_eq!(later.activity.order(), Order::Leave);
        drop((ticket, later));
        registry.emptied().await;
    }

    #[test]
    fn a_listener_that_is_gone_takes_only_its_own_connections() {
        let (registry, ticket) = entered();
        let other = registry.enter(&"gateway|443".into());
        let now = Instant::now();
        registry.leave("gateway|80", now + IDLE_LIMIT);
        assert_eq!((ticket.activity.order(), other.activity.order()), (Order::Leave, Order::Serve));
        let _open = ticket.activity.begin();
        registry.sweep(now + IDLE_LIMIT);
        assert_eq!(ticket.activity.order(), Order::End);
    }
}
