//! The timer of one request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use mesh_core::outcome::Outcome;
use mesh_core::reply::Flag;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::{Sleep, sleep_until};

use crate::clock::now;
use crate::error::Error;
use crate::record::Record;
use crate::upload::Uploaded;

/// Further away than any limit that is meant.
const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Waits for the end of the upload, then for the limit; in no case for longer than until a deadline.
#[derive(Debug)]
pub(super) struct Timer {
    state: State,
    record: Option<Record>,
}

/// When the time is up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// So long after the upload.
    pub(super) limit: Option<Duration>,
    /// At this instant, upload or not: who has asked waits no longer.
    pub(super) deadline: Option<Instant>,
}

/// Small, as it goes with the response through every layer.
#[derive(Debug)]
enum State {
    // Uploading => Due
    Uploading(Box<Uploading>),
    // Due => Sleeping; nothing has had to wait yet
    Due(Instant),
    Sleeping(Pin<Box<Sleep>>),
}

#[derive(Debug)]
struct Uploading {
    uploaded: oneshot::Receiver<()>,
    limit: Duration,
    deadline: Option<(Instant, Pin<Box<Sleep>>)>,
}

/// The end of this limit.
pub(super) fn after(now: Instant, limit: Duration) -> Instant {
    now.checked_add(limit).unwrap_or_else(|| now + FAR)
}

impl Timer {
    /// `None` without bounds. The upload matters to the limit alone.
    pub(super) fn new(
        now: Instant,
        bounds: Bounds,
        uploaded: Uploaded,
        record: Option<Record>,
    ) -> Option<Self> {
        let state = match (bounds.limit, uploaded) {
            (Some(limit), Some(uploaded)) => {
                let deadline = bounds.deadline.map(|at| (at, Box::pin(sleep_until(at.into()))));
                State::Uploading(Box::new(Uploading { uploaded, limit, deadline }))
            }
            (limit, _) => {
                let end = limit.map(|limit| after(now, limit));
                State::Due(end.into_iter().chain(bounds.deadline).min()?)
            }
        };
        Some(Self { state, record })
    }

    /// Whether the time is up, for who has no wish to wait.
    pub(super) fn is_over(&mut self) -> bool {
        if let State::Uploading(uploading) = &mut self.state {
            let end = uploading.deadline.as_ref().map(|(at, _)| *at);
            if matches!(uploading.uploaded.try_recv(), Err(TryRecvError::Empty)) {
                return end.is_some_and(|at| at <= now());
            }
            let limit = after(now(), uploading.limit);
            self.state = State::Due(end.map_or(limit, |at| limit.min(at)));
        }
        match &self.state {
            State::Uploading(_) => false,
            State::Due(at) => *at <= now(),
            State::Sleeping(sleep) => sleep.is_elapsed() || sleep.deadline() <= tokio::time::Instant::now(),
        }
    }

    /// The record says that the time is up from now on: an attempt that is dropped now has timed out, and was
    /// not given up by the caller (OD-2).
    pub(super) fn expire(&self) -> Error {
        if let Some(record) = &self.record {
            record.note(|decision| decision.flags.set(Flag::UpstreamRequestTimeout));
        }
        Error::attempt(Outcome::Timeout, None)
    }

    /// Resolves when the time is up, which [expires](Self::expire) it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            self.state = match &mut self.state {
                State::Uploading(uploading) => {
                    let Uploading { uploaded, limit, deadline } = &mut **uploading;
                    if let Some((_, sleep)) = deadline
                        && sleep.as_mut().poll(cx).is_ready()
                    {
                        break;
                    }
                    // An error means that the body was dropped: no more of it will be sent.
                    let _ = ready!(Pin::new(uploaded).poll(cx));
                    let end = after(now(), *limit);
                    State::Due(deadline.as_ref().map_or(end, |(at, _)| end.min(*at)))
                }
                State::Due(at) => State::Sleeping(Box::pin(sleep_until((*at).into()))),
                State::Sleeping(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    break;
                }
            };
        }
        Poll::Ready(self.expire())
    }
}
