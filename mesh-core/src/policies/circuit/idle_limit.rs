//! How long an endpoint lets an idle connection live (RT-20).
//!
//! A server closes what has been idle for its time, and a request that is just then on its way is lost:
//! the caller cannot know whether it was seen. A request that may be repeated is repeated. Another one must not be
//! sent on a connection whose time is nearly up. Servers seldom announce their time, so it is learned: the
//! shortest of the last closes, since what delays the news of a close only makes it longer.
//!
//! Worked example: a server closes connections after 60 s. The first that it closes teaches 60 s; from
//! then on a POST takes no connection that has been idle for 59 s or longer, but a new one.

use std::time::Duration;

/// The idle times after which it closed; none at first, when every idle connection is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdleLimit {
    /// The last closes; [`Duration::MAX`] where there were fewer.
    closes: Option<[Duration; CLOSES]>,
    next: usize,
}

/// How many closes are remembered. A server that is shut down closes connections of every age: after so
/// many at its usual time that is forgotten.
const CLOSES: usize = 8;

impl IdleLimit {
    /// The endpoint said so (`Keep-Alive: timeout=`).
    pub fn announced(&mut self, timeout: Duration) {
        self.closes = Some([timeout; CLOSES]);
    }

    /// It closed a connection that had been idle so long.
    pub fn closed(&mut self, idle: Duration) {
        self.closes.get_or_insert([Duration::MAX; CLOSES])[self.next] = idle;
        self.next = (self.next + 1) % CLOSES;
    }

    /// A connection that had been idle so long served a request: whatever closed a younger one, it was
    /// not its time.
    pub fn served(&mut self, idle: Duration) {
        for close in self.closes.iter_mut().flatten() {
            *close = idle.max(*close);
        }
    }

    /// Whether anything has been learned.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.closes.is_some()
    }

    /// Whether a connection that has been idle so long will surely live until a request has reached
    /// the endpoint: a quarter of its time, at most a second, is left for the way.
    #[must_use]
    pub fn trusts(&self, idle: Duration) -> bool {
        let shortest = self.closes.iter().flatten().min();
        shortest.is_none_or(|known| idle < *known - (*known / 4).min(Duration::from_secs(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn rt_20_a_connection_whose_time_is_nearly_up_is_not_trusted() {
        let mut limit = IdleLimit::default();
        assert!(limit.trusts(secs(3_600)), "nothing was learned yet");
        limit.closed(secs(60));
        assert!(limit.trusts(Duration::from_millis(58_999)));
        assert!(!limit.trusts(secs(59)));
        limit.announced(secs(2));
        assert!(limit.trusts(Duration::from_millis(1_499)));
        assert!(!limit.trusts(Duration::from_millis(1_500)));
    }

    #[test]
    fn a_restart_that_closes_young_connections_is_forgotten() {
        let mut limit = IdleLimit::default();
        limit.closed(secs(60));
        limit.closed(Duration::ZERO);
        assert!(!limit.trusts(Duration::ZERO));
        for _ in 0..CLOSES - 1 {
            limit.closed(secs(60));
            assert!(!limit.trusts(secs(1)));
        }
        limit.closed(secs(60));
        assert!(limit.trusts(secs(58)));
        limit.closed(Duration::ZERO);
        limit.served(secs(30));
        assert!(limit.trusts(secs(28)), "it has lived longer");
        assert!(!limit.trusts(secs(29)));
    }

    #[test]
    fn the_shortest_close_counts_for_delays_only_add() {
        let mut limit = IdleLimit::default();
        for idle in [70, 52, 90] {
            limit.closed(Duration::from_millis(idle));
        }
        assert!(limit.trusts(Duration::from_millis(38)));
        assert!(!limit.trusts(Duration::from_millis(39)));
    }
}
