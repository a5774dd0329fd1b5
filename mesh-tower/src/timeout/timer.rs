//! The timer of one request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mesh_core::outcome::Outcome;
use mesh_core::reply::Flag;
use tokio::time::{Sleep, sleep};

use crate::error::Error;
use crate::record::Record;
use crate::upload::Uploaded;

/// Waits for the end of the upload, then for the limit.
#[derive(Debug)]
pub(super) struct Timer {
    limit: Duration,
    uploaded: Uploaded,
    sleep: Option<Pin<Box<Sleep>>>,
    record: Option<Record>,
}

impl Timer {
    pub(super) fn new(limit: Duration, uploaded: Uploaded, record: Option<Record>) -> Self {
        let sleep = uploaded.is_none().then(|| Box::pin(sleep(limit)));
        Self { limit, uploaded, sleep, record }
    }

    /// Resolves when the time is up. The record says so from then on: an attempt that is dropped
    /// now has timed out, and was not given up by the caller (OD-2).
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if let Some(uploaded) = &mut self.uploaded {
            // An error means that the body was dropped: no more of it will be sent.
            let _ = ready!(Pin::new(uploaded).poll(cx));
            self.uploaded = None;
        }
        let limit = self.limit;
        ready!(self.sleep.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(cx));
        if let Some(record) = &self.record {
            record.note(|decision| decision.flags.set(Flag::UpstreamRequestTimeout));
        }
        Poll::Ready(Error::attempt(Outcome::Timeout, None))
    }
}
