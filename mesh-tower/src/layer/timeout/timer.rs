//! The timer of one request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use mesh_core::outcome::Outcome;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::{Sleep, sleep_until};

use crate::clock::now;
use crate::error::Error;
use crate::request::Record;
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
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Uploading {
    /// When the time is up if the upload ends now.
    fn end(&self) -> Instant {
        let end = after(now(), self.limit);
        self.deadline.as_ref().map_or(end, |deadline| end.min(deadline.deadline().into_std()))
    }
}

/// The end of this limit.
pub(super) fn after(now: Instant, limit: Duration) -> Instant {
    now.checked_add(limit).unwrap_or_else(|| now + FAR)
}

/// Whether it is over, whoever has waited for it.
fn has_come(sleep: &Sleep) -> bool {
    sleep.is_elapsed() || sleep.deadline().into_std() <= now()
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
                let deadline = bounds.deadline.map(|at| Box::pin(sleep_until(at.into())));
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
            if matches!(uploading.uploaded.try_recv(), Err(TryRecvError::Empty)) {
                return uploading.deadline.as_ref().is_some_and(|deadline| has_come(deadline));
            }
            self.state = State::Due(uploading.end());
        }
        match &self.state {
            State::Uploading(_) => false,
            State::Due(at) => *at <= now(),
            State::Sleeping(sleep) => has_come(sleep),
        }
    }

    /// The record says from now on that the time is up.
    pub(super) fn expire(&self) -> Error {
        if let Some(record) = &self.record {
            record.note_time_up();
        }
        Error::attempt(Outcome::Timeout, None)
    }

    /// Resolves when the time is up, which [expires](Self::expire) it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            self.state = match &mut self.state {
                State::Uploading(uploading) => {
                    if let Some(deadline) = &mut uploading.deadline
                        && deadline.as_mut().poll(cx).is_ready()
                    {
                        break;
                    }
                    // An error means that the body was dropped: no more of it will be sent.
                    let _ = ready!(Pin::new(&mut uploading.uploaded).poll(cx));
                    State::Due(uploading.end())
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
