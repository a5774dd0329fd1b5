//! Priorities that a retry goes past (RT-12, `retryRemoteLocalities`).

use super::Priority;

/// Which priorities the next attempt leaves out; from the 64th on they count as one.
///
/// Carried from attempt to attempt of a request: after every second one the priorities tried so far are
/// left out, until none is left to try; then it starts over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AvoidedPriorities {
    names: u64,
    /// Those of all attempts.
    tried: u64,
    /// Whether one attempt has been made since `names` was changed.
    is_half: bool,
}

impl AvoidedPriorities {
    /// Notes an attempt at a host of `priority`, one of the `priorities` of its set.
    pub fn attempted(&mut self, priorities: &[Priority], priority: u32) {
        self.tried |= bit(priority as usize);
        self.is_half = !self.is_half;
        if self.is_half {
            return;
        }
        self.names |= self.tried;
        let mut rest = priorities.iter().enumerate();
        if !rest.any(|(index, priority)| !self.names(index) && priority.health > 0) {
            *self = Self::default();
        }
    }

    /// The priorities that are left out after attempts at hosts of these priorities.
    #[cfg(test)]
    pub(super) fn after(priorities: &[Priority], attempts: impl IntoIterator<Item = u32>) -> Self {
        let mut avoid = Self::default();
        attempts.into_iter().for_each(|priority| avoid.attempted(priorities, priority));
        avoid
    }

    pub(super) const fn is_empty(self) -> bool {
        self.names == 0
    }

    pub(super) const fn names(self, priority: usize) -> bool {
        self.names & bit(priority) != 0
    }
}

const fn bit(priority: usize) -> u64 {
    1 << if priority < 63 { priority } else { 63 }
}
