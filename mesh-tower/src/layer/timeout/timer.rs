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
use crate::http::body::upload::Uploaded;
use crate::request::Record;

/// Longer than any limit in use.
const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Waits for the end of the upload, then for the limit; never longer than until the deadline.
#[derive(Debug)]
pub(super) struct Timer {
    state: TimerState,
    record: Option<Record>,
}

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// This long after the end of the upload.
    pub(super) limit: Option<Duration>,
    /// At this instant, whether or not the upload has ended: the caller does not wait longer.
    pub(super) deadline: Option<Instant>,
}

/// Small, because it travels with the response through every layer.
#[derive(Debug)]
enum TimerState {
    // Uploading => Due
    Uploading(Box<Uploading>),
    // Due => Sleeping; no poll has had to wait yet
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
    /// The end of the time if the upload ends now.
    fn end(&self) -> Instant {
        let end = after(now(), self.limit);
        self.deadline.as_ref().map_or(end, |deadline| end.min(deadline.deadline().into_std()))
    }
}

/// The end of this limit.
pub(super) fn after(now: Instant, limit: Duration) -> Instant {
    now.checked_add(limit).unwrap_or_else(|| now + FAR)
}

/// Whether the sleep is over, polled or not.
fn has_come(sleep: &Sleep) -> bool {
    sleep.is_elapsed() || sleep.deadline().into_std() <= now()
}

impl Timer {
    /// `None` without bounds. Only the limit waits for the upload.
    pub(super) fn new(
        now: Instant,
        bounds: Bounds,
        uploaded: Uploaded,
        record: Option<Record>,
    ) -> Option<Self> {
        let state = match (bounds.limit, uploaded) {
            (Some(limit), Some(uploaded)) => {
                let deadline = bounds.deadline.map(|at| Box::pin(sleep_until(at.into())));
                TimerState::Uploading(Box::new(Uploading { uploaded, limit, deadline }))
            }
            (limit, _) => {
                let end = limit.map(|limit| after(now, limit));
                TimerState::Due(end.into_iter().chain(bounds.deadline).min()?)
            }
        };
        Some(Self { state, record })
    }

    /// Whether the time is up; does not register a waker.
    pub(super) fn is_over(&mut self) -> bool {
        if let TimerState::Uploading(uploading) = &mut self.state {
            if matches!(uploading.uploaded.try_recv(), Err(TryRecvError::Empty)) {
                return uploading.deadline.as_ref().is_some_and(|deadline| has_come(deadline));
            }
            self.state = TimerState::Due(uploading.end());
        }
        match &self.state {
            TimerState::Uploading(_) => false,
            TimerState::Due(at) => *at <= now(),
            TimerState::Sleeping(sleep) => has_come(sleep),
        }
    }

    /// Notes in the record that the time is up; returns the error.
    pub(super) fn expire(&self) -> Error {
        if let Some(record) = &self.record {
            record.note_time_up();
        }
        Error::attempt(Outcome::Timeout, None)
    }

    /// Resolves when the time is up, and then [expires](Self::expire) the call.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            self.state = match &mut self.state {
                TimerState::Uploading(uploading) => {
                    if let Some(deadline) = &mut uploading.deadline
                        && deadline.as_mut().poll(cx).is_ready()
                    {
                        break;
                    }
                    // An error means that the body was dropped: the upload has ended too.
                    let _ = ready!(Pin::new(&mut uploading.uploaded).poll(cx));
                    TimerState::Due(uploading.end())
                }
                TimerState::Due(at) => TimerState::Sleeping(Box::pin(sleep_until((*at).into()))),
                TimerState::Sleeping(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    break;
                }
            };
        }
        Poll::Ready(self.expire())
    }
}
