//! The open connections of one worker.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use mesh_core::plan::ListenerKey;
use tokio::sync::Notify;

use crate::connection::activity::{Activity, Order, lock};

/// The open connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: Mutex<Entries>,
    emptied: Notify,
}

#[derive(Debug)]
struct Entries {
    next: u64,
    /// The order of connections that come from now on.
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
    pub(crate) fn enter(self: &Arc<Self>, listener: &ListenerKey) -> Ticket {
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

    /// Gives an order to all connections, and to those to come.
    pub(crate) fn tell(&self, order: Order) {
        let mut entries = lock(&self.entries);
        entries.order = entries.order.max(order);
        for activity in entries.open.values() {
            activity.tell(order);
        }
    }

    /// Lets the connections of a listener that is gone finish their work until `deadline`.
    pub(crate) fn leave(&self, listener: &ListenerKey, deadline: Instant) {
        for activity in lock(&self.entries).open.values().filter(|activity| activity.listener == *listener) {
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
    /// Another entry for the same connection, which outlives its HTTP part, such as a tunnel.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mesh_core::plan::Direction;

    use super::*;
    use crate::connection::activity::{HEAD_LIMIT, IDLE_LIMIT};

    fn gateway(port: u16) -> ListenerKey {
        ListenerKey::port(Direction::Gateway, port)
    }

    fn entered() -> (Arc<Registry>, Ticket) {
        let registry = Arc::new(Registry::default());
        let ticket = registry.enter(&gateway(80));
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
        let later = registry.enter(&gateway(80));
        assert_eq!(later.activity.order(), Order::Leave);
        drop((ticket, later));
        registry.emptied().await;
    }

    #[test]
    fn a_listener_that_is_gone_takes_only_its_own_connections() {
        let (registry, ticket) = entered();
        let other = registry.enter(&gateway(443));
        let now = Instant::now();
        registry.leave(&gateway(80), now + IDLE_LIMIT);
        assert_eq!((ticket.activity.order(), other.activity.order()), (Order::Leave, Order::Serve));
        let _open = ticket.activity.begin();
        registry.sweep(now + IDLE_LIMIT);
        assert_eq!(ticket.activity.order(), Order::End);
    }
}
