//! The future of [`Outlier`](super::Outlier).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use mesh_core::outcome::Outcome;
use mesh_core::outlier::{Detector, HostState};

use crate::clock::now;
use crate::error::{BoxError, Error};
use crate::grpc;

/// The inner call; its outcome is recorded when its head, or its failure, is there.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    inner: F,
    host: Arc<HostState>,
    detector: Arc<Detector>,
    hosts: usize,
    grpc: bool,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(
        inner: F,
        host: Arc<HostState>,
        detector: Arc<Detector>,
        hosts: usize,
        grpc: bool,
    ) -> Self {
        Self { inner, host, detector, hosts, grpc }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx)).map_err(|error| Error::from_box(error.into()));
        let outcome = match &result {
            Ok(response) => {
                let grpc = if *this.grpc { grpc::status(response.headers()) } else { None };
                Some(Outcome::Response { status: response.status(), grpc, in_trailers: false })
            }
            // What was decided here says nothing about the endpoint (OD-2).
            Err(error) => error.outcome(),
        };
        if let Some(outcome) = outcome {
            // Whoever balances reads the host's state; the event is for those who count.
            let _ = this.detector.record(this.host, &outcome, *this.hosts, now());
        }
        Poll::Ready(result.map_err(Into::into))
    }
}
