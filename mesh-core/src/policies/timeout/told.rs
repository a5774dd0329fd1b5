//! The deadline that an endpoint was told, and whether an answer is only its end.

use std::time::{Duration, Instant};

use crate::outcome::{GrpcCode, Outcome};

/// gRPC's CANCELLED and `DEADLINE_EXCEEDED`.
const CANCELLED: GrpcCode = 1;
const DEADLINE_EXCEEDED: GrpcCode = 4;

/// The part of a deadline that may be left when the endpoint gives up: its clock ticks in milliseconds, the answer
/// is on its way for a while, and who serves many calls does not wake in time for each.
const SLACK_LEAST: Duration = Duration::from_millis(10);
const SLACK_PART: u32 = 20;

/// The deadline that one attempt was sent with, as `grpc-timeout`.
///
/// The endpoint has a timer of its own for it, and ours ends at the same moment: which of them is first is chance,
/// and must not decide what is retried and what is reported. So an answer that says that the time was up, when as good as
/// nothing of it is left, is a timeout of ours.
///
/// Worked example: told 300 ms, a `CANCELLED` that comes after 286 ms has less than 15 ms left: a timeout. One that
/// comes after 285 ms is what the endpoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldDeadline {
    sent: Instant,
    limit: Duration,
    per_try: bool,
}

impl ToldDeadline {
    /// An attempt that is sent now, with so much time: of one try (RT-3), or of the request (RT-1, RT-4).
    #[must_use]
    pub const fn new(sent: Instant, limit: Duration, per_try: bool) -> Self {
        Self { sent, limit, per_try }
    }

    /// How an attempt ended that ended so: by this timeout, or as it says. The time of one try is over when
    /// response headers are here, so that it says nothing of trailers (RT-3).
    #[must_use]
    pub fn judge(&self, now: Instant, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Response { grpc: Some(CANCELLED | DEADLINE_EXCEEDED), in_trailers, .. }
                if !(in_trailers && self.per_try) && self.is_spent(now) =>
            {
                if self.per_try {
                    Outcome::PerTryTimeout
                } else {
                    Outcome::Timeout
                }
            }
            _ => outcome,
        }
    }

    fn is_spent(&self, now: Instant) -> bool {
        let left = self.limit.saturating_sub(now.saturating_duration_since(self.sent));
        left < SLACK_LEAST.max(self.limit / SLACK_PART)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::tests::ManualClock;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn answer(code: GrpcCode) -> Outcome {
        Outcome::Response { status: StatusCode::OK, grpc: Some(code), in_trailers: false }
    }

    #[test]
    fn rt_3_an_answer_at_the_end_of_the_time_is_a_timeout_and_an_earlier_one_is_not() {
        // 5 % of it, 10 ms at least.
        for (limit, last) in [(ms(300), ms(285)), (ms(2_000), ms(1_900)), (ms(100), ms(90)), (ms(20), ms(10))]
        {
            let clock = ManualClock::default();
            let told = ToldDeadline::new(clock.now(), limit, true);
            clock.advance(last);
            for code in [1, 4] {
                assert_eq!(told.judge(clock.now(), answer(code)), answer(code), "{limit:?}");
            }
            clock.advance(Duration::from_micros(1));
            for code in [1, 4] {
                assert_eq!(told.judge(clock.now(), answer(code)), Outcome::PerTryTimeout, "{limit:?}");
            }
            // Late answers too: our own timer may not have been polled.
            clock.advance(limit);
            assert_eq!(told.judge(clock.now(), answer(4)), Outcome::PerTryTimeout);
        }
    }

    #[test]
    fn rt_1_what_the_deadline_is_of_says_which_timeout_it_is() {
        let now = ManualClock::default().now();
        let told = ToldDeadline::new(now, ms(5), false);
        assert_eq!(told.judge(now, answer(1)), Outcome::Timeout);
    }

    #[test]
    fn rt_3_the_deadline_of_one_try_ends_with_the_response_headers() {
        let now = ManualClock::default().now();
        let trailers = Outcome::Response { status: StatusCode::OK, grpc: Some(4), in_trailers: true };
        assert_eq!(ToldDeadline::new(now, ms(5), true).judge(now, trailers), trailers);
        assert_eq!(ToldDeadline::new(now, ms(5), false).judge(now, trailers), Outcome::Timeout);
    }

    #[test]
    fn other_answers_are_what_they_say() {
        let now = ManualClock::default().now();
        let told = ToldDeadline::new(now, ms(5), true);
        let reset = Outcome::Reset { reset: crate::outcome::Reset::RemoteReset, written: true };
        for outcome in [answer(0), answer(14), Outcome::status(StatusCode::GATEWAY_TIMEOUT), reset] {
            assert_eq!(told.judge(now, outcome), outcome);
        }
    }
}
