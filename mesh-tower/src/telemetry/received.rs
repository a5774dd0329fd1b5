//! Counts the bytes of a request's body.
//!
//! A body in memory, or a short body with an announced length, states its size. Only long uploads and streams are counted
//! frame by frame, because they may end early.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::body::Body;
use crate::http::body::observe::{BodyEvent, BodyObserver, observe};

/// An announced length up to this size is believed: such a body mostly arrives with its head.
const BELIEVED: u64 = 64 * 1024;

/// Body bytes from the caller.
#[derive(Debug)]
pub(super) enum Received {
    Announced(u64),
    Counted(Arc<AtomicU64>),
}

impl Received {
    /// Begins to count a body. Bodies of foreign types cannot be wrapped without a change of the request's type: their
    /// announced length is believed.
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
        *own = observe(inner, Counted(count.clone()));
        Self::Counted(count)
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Announced(bytes) => *bytes,
            // Relaxed: a count that orders no other access; it is read when the request is over.
            Self::Counted(count) => count.load(Ordering::Relaxed),
        }
    }
}

struct Counted(Arc<AtomicU64>);

impl BodyObserver for Counted {
    fn on_event(&mut self, event: BodyEvent<'_>) {
        if let BodyEvent::Data(data) = event {
            self.0.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
    }
}
