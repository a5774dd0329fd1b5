//! Priorities that a retry goes past (RT-12, `retryRemoteLocalities`).

use super::HostSet;

/// After how many attempts the priorities tried so far are left out.
const ATTEMPTS: usize = 2;

/// A set of priorities to leave out; from the 64th on they count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Avoid(u64);

impl Avoid {
    /// What the next attempt avoids after attempts at hosts of these priorities: after every second
    /// attempt the priorities tried so far, until none is left to try; then it starts over.
    #[must_use]
    pub fn after(set: &HostSet, attempts: impl IntoIterator<Item = u32>) -> Self {
        let mut avoid = Self::default();
        let mut tried = Self::default();
        for (index, priority) in attempts.into_iter().enumerate() {
            tried.0 |= bit(priority as usize);
            if (index + 1) % ATTEMPTS == 0 {
                avoid.0 |= tried.0;
                let mut rest = set.priorities.iter().enumerate();
                if !rest.any(|(index, priority)| !avoid.names(index) && priority.health > 0) {
                    avoid = Self::default();
                    tried = Self::default();
                }
            }
        }
        avoid
    }

    pub(super) const fn names(self, priority: usize) -> bool {
        self.0 & bit(priority) != 0
    }
}

const fn bit(priority: usize) -> u64 {
    1 << if priority < 63 { priority } else { 63 }
}
