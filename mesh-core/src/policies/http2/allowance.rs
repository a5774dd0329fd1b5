//! How many frames a peer may send that cost it nothing.

use std::time::{Duration, Instant};

/// A bucket of tokens, one for each frame that wants an answer.
///
/// It fills with time, as for keepalives; with each stream that is opened; and with what was sent to the peer, as a
/// peer that measures the bandwidth sends a PING for each DATA frame that it gets. Peers do all of these one at a
/// time, so that a thousand, Envoy's limit of such frames without work, are never missed.
#[derive(Debug)]
pub(super) struct Allowance {
    tokens: u64,
    filled: Option<Instant>,
    streams: u64,
    sent: u64,
}

const FULL: u64 = 1_000;
/// A tenth of a second for each.
const TURN: Duration = Duration::from_millis(100);
/// Less than the smallest DATA frame of a bandwidth probe: an empty message of gRPC is 14 bytes.
const BYTES: u64 = 10;

impl Allowance {
    pub(super) const fn new() -> Self {
        Self { tokens: FULL, filled: None, streams: 0, sent: 0 }
    }

    /// Takes a token. `streams` and `sent` are how much was opened and sent so far.
    pub(super) fn take(&mut self, now: Instant, streams: u64, sent: u64) -> bool {
        let filled = *self.filled.get_or_insert(now);
        let turns = now.saturating_duration_since(filled).as_millis() / TURN.as_millis();
        // Of what is less than a token, nothing is lost.
        if turns > 0 {
            self.filled = Some(if turns < u128::from(FULL) { filled + TURN * turns as u32 } else { now });
        }
        let sends = sent.saturating_sub(self.sent) / BYTES;
        self.sent += sends * BYTES;
        let more = turns.min(u128::from(FULL)) as u64 + (streams - self.streams) + sends;
        self.streams = streams;
        self.tokens = (self.tokens + more).min(FULL);
        let taken = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::ManualClock;

    fn spend(allowance: &mut Allowance, clock: &ManualClock, streams: u64, sent: u64) -> usize {
        (0..10_000).take_while(|_| allowance.take(clock.now(), streams, sent)).count()
    }

    #[test]
    fn time_streams_and_bytes_fill_it_up_to_a_limit() {
        let clock = ManualClock::default();
        let mut allowance = Allowance::new();
        assert_eq!(spend(&mut allowance, &clock, 0, 0), 1_000);
        clock.advance(Duration::from_millis(950));
        assert_eq!(spend(&mut allowance, &clock, 0, 0), 9);
        clock.advance(Duration::from_millis(50));
        assert_eq!(spend(&mut allowance, &clock, 0, 0), 1);
        assert_eq!(spend(&mut allowance, &clock, 7, 0), 7);
        assert_eq!(spend(&mut allowance, &clock, 7, 15), 1);
        assert_eq!(spend(&mut allowance, &clock, 7, 20), 1);
        assert_eq!(spend(&mut allowance, &clock, 1_000_000, 1 << 40), 1_000);
        clock.advance(Duration::from_secs(1 << 32));
        assert_eq!(spend(&mut allowance, &clock, 1_000_000, 1 << 40), 1_000);
    }

    #[test]
    fn a_ping_for_each_empty_message_of_grpc_is_allowed_for_ever() {
        let now = ManualClock::default().now();
        let mut allowance = Allowance::new();
        assert!((1..=1_000_000).all(|messages| allowance.take(now, 1, messages * 14)));
    }
}
