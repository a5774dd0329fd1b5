//! How long an endpoint lets an idle connection live (wish 6, with RT-20).
//!
//! A server closes what has been idle for its time, and a request that is just then on its way is lost:
//! nobody knows whether it was seen. One that may be repeated is repeated. One that may not must not be
//! sent on a connection whose time is nearly up. Servers seldom say their time, so it is learned.
//!
//! Worked example: a server closes connections after 60 s. The first that it closes teaches 60 s; from
//! then on a POST takes no connection that has been idle for 45 s or longer, but a new one.

use std::time::Duration;

/// What has been seen of it; nothing at first, when every idle connection is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience(Option<Duration>);

impl Patience {
    /// The endpoint said so (`Keep-Alive: timeout=`).
    pub fn announced(&mut self, timeout: Duration) {
        self.0 = Some(timeout);
    }

    /// It closed a connection that had been idle so long.
    ///
    /// What is shorter counts at once. What is longer only doubles what was learned: a server that is
    /// shut down closes connections of every age, and one that was restarted is learned anew.
    pub fn closed(&mut self, idle: Duration) {
        self.0 = Some(match self.0 {
            Some(known) if idle > known => idle.min(known.max(LEAST) * 2),
            _ => idle,
        });
    }

    /// A connection that had been idle so long served a request.
    pub fn served(&mut self, idle: Duration) {
        if let Some(known) = &mut self.0 {
            *known = idle.max(*known);
        }
    }

    /// Whether anything has been learned.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a connection that has been idle so long will surely live until a request has reached
    /// the endpoint: a quarter of its time, at most a second, is left for the way.
    #[must_use]
    pub fn trusts(&self, idle: Duration) -> bool {
        self.0.is_none_or(|known| idle < known - (known / 4).min(Duration::from_secs(1)))
    }
}

/// What was learned grows from here at least.
const LEAST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn rt_20_a_connection_whose_time_is_nearly_up_is_not_trusted() {
        let mut patience = Patience::default();
        assert!(patience.trusts(secs(3_600)), "nothing was learned yet");
        patience.closed(secs(60));
        assert!(patience.trusts(Duration::from_millis(58_999)));
        assert!(!patience.trusts(secs(59)));
        patience.announced(secs(2));
        assert!(patience.trusts(Duration::from_millis(1_499)));
        assert!(!patience.trusts(Duration::from_millis(1_500)));
    }

    #[test]
    fn a_restart_that_closes_young_connections_is_forgotten() {
        let mut patience = Patience::default();
        patience.closed(secs(60));
        patience.closed(Duration::ZERO);
        assert!(!patience.trusts(Duration::ZERO));
        let closes = (1..).find(|_| {
            patience.closed(secs(60));
            patience.trusts(secs(58))
        });
        assert_eq!(closes, Some(16));
        patience.closed(Duration::ZERO);
        patience.served(secs(30));
        assert!(patience.trusts(secs(28)), "it has lived longer");
    }
}
