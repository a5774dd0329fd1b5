//! What earlier tries of a request say to a balancer within (RT-12).

use std::sync::{Arc, Mutex};

/// Which members of which sets were tried; an extension of the request, shared by its tries.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    members: Arc<Mutex<Vec<(usize, usize)>>>,
    redraws: u32,
}

impl Tried {
    /// None so far; a balancer that draws one again draws up to so many times more.
    pub(crate) fn redrawing(redraws: u32) -> Self {
        Self { members: Arc::default(), redraws }
    }

    pub(crate) const fn redraws(&self) -> u32 {
        self.redraws
    }

    /// Whether this member of the set at this place in memory was tried.
    pub(crate) fn has(&self, set: usize, member: usize) -> bool {
        self.members.lock().expect("no panic while tries are noted").contains(&(set, member))
    }

    pub(crate) fn note(&self, set: usize, member: usize) {
        self.members.lock().expect("no panic while tries are noted").push((set, member));
    }
}
