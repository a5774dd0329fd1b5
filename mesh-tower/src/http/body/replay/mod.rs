//! A request body that can be sent again.
//!
//! A retry sends the body of a request twice, but the caller sends it once. So the frames that were read are kept, up to
//! a cap, until the response is committed. Past the cap the body streams on and the request is no longer repeatable: an
//! upload of a gigabyte is never in memory.
//!
//! ```text
//!            attempt 1 reads          attempt 2 reads
//! source ──▶ [frame][frame] ──▶ …    [frame][frame] (again) ──▶ source (the rest)
//!            kept: ≤ cap
//! ```
//!
//! Only the newest attempt may read. A connection that is closing may still hold the body of an older attempt: that body
//! gives an error and takes no frames. A `kept` frame shares its bytes; it is not a copy.

mod budget;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use crate::body::Body;
use crate::http::BoxError;

pub use budget::ReplayBudget;

/// The most bytes that one request may keep: 1 MiB (RT-10).
pub const REQUEST_CAP: usize = 1 << 20;

/// One attempt's view of a replayable body: first the kept frames, then the rest of the source.
#[derive(Debug)]
pub struct ReplayBody {
    shared: Arc<Shared>,
    attempt: u32,
    position: usize,
    sent: u64,
    trailers_sent: bool,
}

/// The handle by which the retry loop gets the body of another attempt.
#[derive(Clone, Debug)]
pub(crate) struct Replay(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<ReplayState>,
    budget: ReplayBudget,
    cap: usize,
    hint: SizeHint,
}

#[derive(Debug)]
struct ReplayState {
    source: Body,
    ended: bool,
    failed: bool,
    kept: Vec<Bytes>,
    kept_bytes: usize,
    trailers: Option<HeaderMap>,
    replayable: bool,
    attempt: u32,
}

impl ReplayBody {
    pub(crate) fn new(source: Body, budget: ReplayBudget, cap: usize) -> (Replay, Self) {
        let hint = source.size_hint();
        let shared = Arc::new(Shared {
            state: Mutex::new(ReplayState {
                source,
                ended: false,
                failed: false,
                kept: Vec::new(),
                kept_bytes: 0,
                trailers: None,
                replayable: true,
                attempt: 0,
            }),
            budget,
            cap,
            hint,
        });
        let body = Self { shared: shared.clone(), attempt: 0, position: 0, sent: 0, trailers_sent: false };
        (Replay(shared), body)
    }
}

impl Replay {
    /// The body for the next attempt; `None` if the body can no longer be repeated. The bodies of earlier attempts fail
    /// from now on.
    pub(crate) fn again(&self) -> Option<ReplayBody> {
        let mut state = self.0.lock();
        if !state.replayable {
            return None;
        }
        state.attempt += 1;
        Some(ReplayBody {
            shared: self.0.clone(),
            attempt: state.attempt,
            position: 0,
            sent: 0,
            trailers_sent: false,
        })
    }

    /// Whether all frames that were read are still kept.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.0.lock().replayable
    }

    /// Whether the caller's own body failed: then the endpoint is not at fault.
    pub(crate) fn source_failed(&self) -> bool {
        self.0.lock().failed
    }

    /// Ends the replay: the response is committed and no attempt follows, so the kept frames can go.
    pub(crate) fn commit(&self) {
        let mut state = self.0.lock();
        // The last reader may not have caught up and still needs the kept frames: it frees them.
        state.replayable = false;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, ReplayState> {
        self.state.lock().expect("no panic while the replay buffer is locked")
    }

    fn keep(&self, state: &mut ReplayState, data: &Bytes) -> bool {
        if state.replayable && state.kept_bytes + data.len() <= self.cap && self.budget.take(data.len()) {
            state.kept.push(data.clone());
            state.kept_bytes += data.len();
            true
        } else {
            state.replayable = false;
            false
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.budget.give(state.kept_bytes);
    }
}

impl http_body::Body for ReplayBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let mut state = this.shared.lock();
        if state.attempt != this.attempt {
            return Poll::Ready(Some(Err("a newer attempt took over the request body".into())));
        }
        if let Some(data) = state.kept.get(this.position) {
            this.position += 1;
            this.sent += data.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        if !state.replayable && state.kept_bytes > 0 {
            // The last reader has caught up: the kept frames have no reader left.
            let bytes = std::mem::take(&mut state.kept_bytes);
            state.kept = Vec::new();
            this.position = 0;
            this.shared.budget.give(bytes);
        }
        if !state.ended {
            match ready!(Pin::new(&mut state.source).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        if this.shared.keep(&mut state, &data) {
                            this.position += 1;
                        }
                        this.sent += data.len() as u64;
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    Err(frame) => state.trailers = frame.into_trailers().ok(),
                },
                Some(Err(error)) => {
                    state.failed = true;
                    state.replayable = false;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {}
            }
            state.ended = true;
        }
        if !this.trailers_sent {
            this.trailers_sent = true;
            if let Some(trailers) = state.trailers.clone() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        let state = self.shared.lock();
        if state.attempt != self.attempt || self.position < state.kept.len() {
            return false;
        }
        (state.ended && (self.trailers_sent || state.trailers.is_none()))
            || (!state.ended && state.source.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.shared.hint.lower().saturating_sub(self.sent));
        if let Some(upper) = self.shared.hint.upper() {
            hint.set_upper(upper.saturating_sub(self.sent));
        }
        hint
    }
}

#[cfg(test)]
mod tests;
