//! The timer of one request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use mesh_core::outcome::Outcome;
use mesh_core::reply::Flag;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep_until};

use crate::clock::now;
use crate::error::Error;
use crate::record::Record;
use crate::upload::Uploaded;

/// Further away than any limit that is meant.
const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Waits for the end of the upload, then for the limit.
#[derive(Debug)]
pub(super) struct Timer {
    state: State,
    record: Option<Record>,
}

/// Small, as it goes with the response through every layer.
#[derive(Debug)]
enum State {
    // Uploading => Due
    Uploading(Box<(oneshot::Receiver<()>, Duration)>),
    // Due => Sleeping; nothing has had to wait yet
    Due(Instant),
    Sleeping(Pin<Box<Sleep>>),
}

/// The end of this limit.
pub(super) fn after(now: Instant, limit: Duration) -> Instant {
    now.checked_add(limit).unwrap_or_else(|| now + FAR)
}

impl Timer {
    pub(super) fn new(now: Instant, limit: Duration, uploaded: Uploaded, record: Option<Record>) -> Self {
        let state = match uploaded {
            Some(uploaded) => State::Uploading(Box::new((uploaded, limit))),
            None => State::Due(after(now, limit)),
        };
        Self { state, record }
    }

    /// Resolves when the time is up. The record says so from then on: an attempt that is dropped
    /// now has timed out, and was not given up by the caller (OD-2).
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            self.state = match &mut self.state {
                State::Uploading(uploading) => {
                    let (uploaded, limit) = &mut **uploading;
                    // An error means that the body was dropped: no more of it will be sent.
                    let _ = ready!(Pin::new(uploaded).poll(cx));
                    State::Due(after(now(), *limit))
                }
                State::Due(at) => State::Sleeping(Box::pin(sleep_until((*at).into()))),
                State::Sleeping(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    break;
                }
            };
        }
        if let Some(record) = &self.record {
            record.note(|decision| decision.flags.set(Flag::UpstreamRequestTimeout));
        }
        Poll::Ready(Error::attempt(Outcome::Timeout, None))
    }
}
