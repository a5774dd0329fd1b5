//! The health of an endpoint, by its answers.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::HealthPolicy;

/// The health of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not asked yet, or not watched at all.
    #[default]
    Unchecked,
    /// In service.
    Healthy,
    /// Out of service.
    Unhealthy,
}

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The expected answer.
    Pass,
    /// No answer, or one that asks for patience: counts towards the threshold.
    Silent,
    /// An answer that says no: takes the endpoint out at once, as in Envoy.
    Denied,
}

/// The health of one endpoint, shared by all threads; it belongs to the endpoint and survives updates of
/// the set (LB-17).
#[derive(Debug, Default)]
pub struct HostHealth {
    /// A copy of the row's state that is read without the lock. Relaxed: readers act on it alone.
    state: AtomicU8,
    row: Mutex<Row>,
}

/// Answers of one kind in a row.
#[derive(Debug, Default)]
struct Row {
    state: State,
    length: u32,
}

impl HostHealth {
    /// The health now.
    #[must_use]
    pub fn state(&self) -> State {
        match self.state.load(Relaxed) {
            0 => State::Unchecked,
            1 => State::Healthy,
            _ => State::Unhealthy,
        }
    }

    /// Takes note of an answer. `Some` with the new state if it changed: rebuild the set of usable hosts.
    pub fn record(&self, policy: &HealthPolicy, finding: Finding) -> Option<State> {
        let mut row = self.row();
        let next = match (row.state, finding) {
            // Unchecked => (Healthy | Unhealthy)
            (State::Unchecked, Finding::Pass) => State::Healthy,
            (State::Unchecked, Finding::Silent | Finding::Denied) => State::Unhealthy,
            // Healthy => (Healthy | Unhealthy)
            (State::Healthy, Finding::Pass) => {
                row.length = 0;
                return None;
            }
            (State::Healthy, Finding::Denied) => State::Unhealthy,
            (State::Healthy, Finding::Silent) => {
                row.length += 1;
                if row.length < policy.unhealthy_threshold {
                    return None;
                }
                State::Unhealthy
            }
            // Unhealthy => (Unhealthy | Healthy)
            (State::Unhealthy, Finding::Pass) => {
                row.length += 1;
                if row.length < policy.healthy_threshold {
                    return None;
                }
                State::Healthy
            }
            (State::Unhealthy, Finding::Silent | Finding::Denied) => {
                row.length = 0;
                return None;
            }
        };
        self.enter(&mut row, next);
        Some(next)
    }

    /// Takes the endpoint out because a response of its own said so (HC-2); `true` if it was in service.
    pub fn fail_now(&self) -> bool {
        let mut row = self.row();
        let was_out = row.state == State::Unhealthy;
        self.enter(&mut row, State::Unhealthy);
        !was_out
    }

    /// Forgets the results, as when checks end.
    pub fn forget(&self) {
        self.enter(&mut self.row(), State::Unchecked);
    }

    fn enter(&self, row: &mut Row, state: State) {
        *row = Row { state, length: 0 };
        let number = match state {
            State::Unchecked => 0,
            State::Healthy => 1,
            State::Unhealthy => 2,
        };
        self.state.store(number, Relaxed);
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        // A row is valid between any two of its assignments.
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of a cluster's endpoints are in service.
///
/// An endpoint that was not checked yet waits while others are known to be well; where none is, as in a
/// process's first millisecond, it serves.
pub fn in_service(states: &[State]) -> impl Iterator<Item = bool> {
    let known = states.contains(&State::Healthy);
    states.iter().map(move |state| match state {
        State::Healthy => true,
        State::Unchecked => !known,
        State::Unhealthy => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Probe;

    fn policy(unhealthy: u32, healthy: u32) -> HealthPolicy {
        HealthPolicy {
            unhealthy_threshold: unhealthy,
            healthy_threshold: healthy,
            ..HealthPolicy::new(Probe::Tcp { send: Vec::new(), receive: Vec::new() })
        }
    }

    /// The state after each finding: `p`ass, `s`ilent, `d`enied.
    fn states(policy: &HealthPolicy, findings: &str) -> String {
        let host = HostHealth::default();
        let state = |finding| {
            let before = host.state();
            let finding = match finding {
                'p' => Finding::Pass,
                's' => Finding::Silent,
                _ => Finding::Denied,
            };
            let changed = host.record(policy, finding);
            assert_eq!(changed, (host.state() != before).then(|| host.state()));
            if host.state() == State::Healthy { '+' } else { '-' }
        };
        findings.chars().map(state).collect()
    }

    #[test]
    fn hc_1_the_first_answer_decides_at_once() {
        let policy = policy(3, 2);
        assert_eq!(states(&policy, "p"), "+");
        assert_eq!(states(&policy, "s"), "-");
        assert_eq!(states(&policy, "d"), "-");
    }

    #[test]
    fn hc_1_later_ones_need_their_thresholds_in_a_row() {
        let policy = policy(3, 2);
        assert_eq!(states(&policy, "pssp"), "++++");
        assert_eq!(states(&policy, "psspsss"), "++++++-");
        assert_eq!(states(&policy, "psssp"), "+++--");
        assert_eq!(states(&policy, "psssppss"), "+++--+++");
        assert_eq!(states(&policy, "sppsss"), "--+++-");
        assert_eq!(states(&policy, "spspp"), "----+");
    }

    #[test]
    fn hc_1_a_clear_no_needs_no_threshold() {
        assert_eq!(states(&policy(3, 1), "pdp"), "+-+");
    }

    #[test]
    fn hc_2_failing_at_once_and_coming_back_by_the_threshold() {
        let (policy, host) = (policy(3, 2), HostHealth::default());
        assert!(host.fail_now());
        assert!(!host.fail_now());
        assert_eq!(host.record(&policy, Finding::Pass), None);
        assert!(!host.fail_now(), "the row of successes begins anew");
        assert_eq!(host.record(&policy, Finding::Pass), None);
        assert_eq!(host.record(&policy, Finding::Pass), Some(State::Healthy));
        host.forget();
        assert_eq!(host.state(), State::Unchecked);
        assert_eq!(host.record(&policy, Finding::Pass), Some(State::Healthy));
    }

    #[test]
    fn hc_1_the_unchecked_serve_only_where_nobody_is_known_to_be_well() {
        use State::{Healthy, Unchecked, Unhealthy};
        let served = |states: &[State]| in_service(states).collect::<Vec<_>>();
        assert_eq!(served(&[Unchecked, Unchecked]), [true, true]);
        assert_eq!(served(&[Unchecked, Unhealthy]), [true, false]);
        assert_eq!(served(&[Unchecked, Healthy, Unhealthy]), [false, true, false]);
        assert_eq!(served(&[]), [] as [bool; 0]);
    }
}
