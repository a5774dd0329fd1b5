//! A kept-alive connection that the peer closed just as it was used (RT-20).

use super::Traits;
use crate::outcome::{Outcome, Reset};

/// Whether this attempt lost the race with a peer that was closing an idle connection, and may be
/// made once more on a fresh one. `reused` says that the connection had served before.
///
/// This is no retry of the policy: it is not counted in `attempts`, is done once, even with
/// retries off, and counts as `upstream_reuse_race`. A close before any response byte does not
/// prove that the request was not seen, so only an idempotent one qualifies; its body must still
/// be at hand.
#[must_use]
pub fn is_reuse_race(request: &Traits, outcome: &Outcome, reused: bool) -> bool {
    let closed = matches!(outcome, Outcome::Reset { reset: Reset::ConnectionTermination, .. });
    let unwritten = matches!(outcome, Outcome::Reset { written: false, .. });
    reused && closed && (request.idempotent || unwritten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rt_20_only_idempotent_requests_on_reused_connections() {
        let get = Traits { idempotent: true, ..Traits::default() };
        let post = Traits::default();
        let closed = |written| Outcome::Reset { reset: Reset::ConnectionTermination, written };
        assert!(is_reuse_race(&get, &closed(true), true));
        assert!(!is_reuse_race(&get, &closed(true), false));
        assert!(!is_reuse_race(&post, &closed(true), true));
        assert!(is_reuse_race(&post, &closed(false), true), "nothing was sent");
        let reset = Outcome::Reset { reset: Reset::RemoteReset, written: true };
        assert!(!is_reuse_race(&get, &reset, true));
        assert!(!is_reuse_race(&get, &Outcome::Timeout, true));
    }
}
