//! The deadline that an attempt announces to its endpoint, and whether an answer only reports its end.

use std::time::{Duration, Instant};

use crate::outcome::{GrpcCode, Outcome};

/// gRPC's CANCELLED and `DEADLINE_EXCEEDED`.
const CANCELLED: GrpcCode = 1;
const DEADLINE_EXCEEDED: GrpcCode = 4;

/// The part of a deadline that may be left when the endpoint gives up: the endpoint's clock ticks in milliseconds, its
/// answer takes time on the way, and a busy endpoint does not wake in time for each call.
const SLACK_LEAST: Duration = Duration::from_millis(10);
const SLACK_PART: u32 = 20;

/// The deadline that one attempt was sent with, as `grpc-timeout`.
///
/// The endpoint runs its own timer for this deadline, and our timer ends at the same moment. Chance decides which of the
/// two fires first, and chance must not decide whether the call is retried and how it is reported. So an answer that
/// reports the end of the time, when almost nothing of the time is left, counts as our timeout.
///
/// Worked example: the attempt announces 300 ms. A `CANCELLED` after 286 ms leaves less than 15 ms: it is our timeout. A
/// `CANCELLED` after 285 ms is the endpoint's own answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnouncedDeadline {
    sent: Instant,
    limit: Duration,
    per_try: bool,
}

impl AnnouncedDeadline {
    /// The deadline of an attempt that is sent at `sent` and may take `limit`. `per_try` says whether `limit` bounds one
    /// try (RT-3) or the whole request (RT-1, RT-4).
    #[must_use]
    pub const fn new(sent: Instant, limit: Duration, per_try: bool) -> Self {
        Self { sent, limit, per_try }
    }

    /// Judges the outcome of the attempt: returns a timeout if the answer only reports the end of this deadline, else
    /// `outcome` itself. The limit of one try ends with the response headers: it does not judge trailers (RT-3).
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
            let announced = AnnouncedDeadline::new(clock.now(), limit, true);
            clock.advance(last);
            for code in [1, 4] {
                assert_eq!(announced.judge(clock.now(), answer(code)), answer(code), "{limit:?}");
            }
            clock.advance(Duration::from_micros(1));
            for code in [1, 4] {
                assert_eq!(announced.judge(clock.now(), answer(code)), Outcome::PerTryTimeout, "{limit:?}");
            }
            // A late answer is a timeout too: our own timer may not have been polled yet.
            clock.advance(limit);
            assert_eq!(announced.judge(clock.now(), answer(4)), Outcome::PerTryTimeout);
        }
    }

    #[test]
    fn rt_1_what_the_deadline_is_of_says_which_timeout_it_is() {
        let now = ManualClock::default().now();
        let announced = AnnouncedDeadline::new(now, ms(5), false);
        assert_eq!(announced.judge(now, answer(1)), Outcome::Timeout);
    }

    #[test]
    fn rt_3_the_deadline_of_one_try_ends_with_the_response_headers() {
        let now = ManualClock::default().now();
        let trailers = Outcome::Response { status: StatusCode::OK, grpc: Some(4), in_trailers: true };
        assert_eq!(AnnouncedDeadline::new(now, ms(5), true).judge(now, trailers), trailers);
        assert_eq!(AnnouncedDeadline::new(now, ms(5), false).judge(now, trailers), Outcome::Timeout);
    }

    #[test]
    fn other_answers_are_what_they_say() {
        let now = ManualClock::default().now();
        let announced = AnnouncedDeadline::new(now, ms(5), true);
        let reset = Outcome::Reset { reset: crate::outcome::Reset::RemoteReset, written: true };
        for outcome in [answer(0), answer(14), Outcome::status(StatusCode::GATEWAY_TIMEOUT), reset] {
            assert_eq!(announced.judge(now, outcome), outcome);
        }
    }
}
