//! How many bytes of a request's body came in.
//!
//! A body in memory, or a short one whose length was announced, says so itself. Only long uploads and
//! streams are counted frame by frame, as they may end early.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::body::Body;
use crate::observed::{Seen, Watch, observed};

/// Up to here an announced length is believed: such a body mostly arrives with its head.
const BELIEVED: u64 = 64 * 1024;

/// Body bytes from the caller.
#[derive(Debug)]
pub(super) enum Received {
    Announced(u64),
    Counted(Arc<AtomicU64>),
}

impl Received {
    /// Finds out how to know it. Bodies of other types than ours cannot be wrapped without changing
    /// the request's type; what they announce is believed.
    pub(super) fn watch<B: http_body::Body + 'static>(body: &mut B) -> Self {
        let hint = body.size_hint();
        if hint.exact().is_some_and(|length| length <= BELIEVED) {
            return Self::Announced(hint.lower());
        }
        let Some(own) = (body as &mut dyn Any).downcast_mut::<Body>() else {
            return Self::Announced(hint.lower());
        };
        let count = Arc::new(AtomicU64::new(0));
        let inner = std::mem::take(own);
        *own = observed(inner, Counted(count.clone()));
        Self::Counted(count)
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Announced(bytes) => *bytes,
            // Relaxed: a count, read when the request is over; it orders nothing.
            Self::Counted(count) => count.load(Ordering::Relaxed),
        }
    }
}

struct Counted(Arc<AtomicU64>);

impl Watch for Counted {
    fn saw(&mut self, seen: Seen<'_>) {
        if let Seen::Data(data) = seen {
            self.0.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
    }
}
