//! The limit of one try, where no cluster keeps it (RT-3).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use mesh_core::outcome::Outcome;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::body::Body;
use crate::cluster::PerTryTimeout;
use crate::error::{BoxError, Error};
use crate::expiry::Expiry;
use crate::grpc;
use crate::passage::Carrier;
use crate::told::Told;
use crate::upload::{self, Uploaded};

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

    /// Resolves when the time is up; who judges the endpoint then finds that it was.
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

/// Keeps the limit of a try around a service that does not; the retry layer of a route says what it is.
#[derive(Clone, Debug)]
pub(crate) struct Limited<S>(pub(crate) S);

impl<S, R, ResB> Service<R> for Limited<S>
where
    R: Carrier<Body = Body>,
    S: Service<R, Response = Response<ResB>, Error = BoxError>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = LimitedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut carrier: R) -> Self::Future {
        let grpc = carrier.matched().is_some_and(|matched| matched.survey().grpc);
        let request = carrier.request_mut();
        let limit = request.extensions_mut().remove().map(|PerTryTimeout(limit)| limit);
        let told = if grpc { Told::attempt(request, limit) } else { None };
        let limit = limit.map(|limit| Limit::begin(request, limit));
        let bounds = (limit.is_some() || told.is_some()).then(|| Box::new((limit, told)));
        LimitedFuture { inner: self.0.call(carrier), bounds }
    }
}

/// The future of [`Limited`].
#[pin_project::pin_project]
pub(crate) struct LimitedFuture<F> {
    #[pin]
    inner: F,
    /// Boxed: most calls have none.
    bounds: Option<Box<(Option<Limit>, Option<Told>)>>,
}

impl<F, ResB> Future for LimitedFuture<F>
where
    F: Future<Output = Result<Response<ResB>, BoxError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.inner.poll(cx);
        let Some((limit, told)) = this.bounds.as_deref_mut() else { return polled };
        match polled {
            Poll::Ready(Ok(response)) => {
                let outcome = grpc::outcome_of_head(true, response.status(), response.headers());
                let expired = told.as_ref().zip(outcome).and_then(|(told, outcome)| told.timed_out(outcome));
                Poll::Ready(expired.map_or(Ok(response), |error| Err(error.into())))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => match limit {
                Some(limit) => limit.poll(cx).map(|error| Err(error.into())),
                None => Poll::Pending,
            },
        }
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit").field("limit", &self.limit).finish_non_exhaustive()
    }
}
