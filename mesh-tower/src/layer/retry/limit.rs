//! The limit of one try, where no attempt of the stack keeps it (RT-3).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Request;
use mesh_core::outcome::Outcome;
use tokio::time::{Sleep, sleep};

use crate::body::Body;
use crate::error::Error;
use crate::http::body::upload::{self, Uploaded};
use crate::request::expiry::Expiry;

/// Runs from the end of the upload until response headers.
pub(super) struct Limit {
    limit: Duration,
    uploaded: Uploaded,
    sleep: Option<Pin<Box<Sleep>>>,
    expiry: Expiry,
}

impl Limit {
    /// The limit of the try that is about to be made with this request.
    pub(super) fn begin(request: &mut Request<Body>, limit: Duration) -> Self {
        let expiry = Expiry::default();
        request.extensions_mut().insert(expiry.clone());
        Self { limit, uploaded: upload::watch(request.body_mut()), sleep: None, expiry }
    }

    /// Resolves when the time is up, and notes that for the layer that judges the endpoint.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if let Some(uploaded) = &mut self.uploaded {
            // An error means that the body was dropped: no more of it will be sent.
            let _ = ready!(Pin::new(uploaded).poll(cx));
            self.uploaded = None;
        }
        let limit = self.limit;
        ready!(self.sleep.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(cx));
        self.expiry.expire();
        Poll::Ready(Error::attempt(Outcome::PerTryTimeout, None))
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit").field("limit", &self.limit).finish_non_exhaustive()
    }
}
