//! The future of [`Balance`](super::Balance).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use mesh_core::outcome::{Class, Fault};
use tower_service::Service;

use super::{Active, ResponseBody};
use crate::error::{BoxError, Error};
use crate::grpc;
use crate::request::expiry::Clocks;

/// Awaits the chosen service's readiness, then its response.
#[pin_project::pin_project]
pub struct ResponseFuture<S: Service<R>, R> {
    #[pin]
    state: State<S, R, S::Future>,
    active: Option<Active>,
}

#[pin_project::pin_project(project = Project)]
enum State<S, R, F> {
    // Readying => Calling
    Readying { service: S, request: Option<R> },
    // Calling => done
    Calling(#[pin] F),
    // Refused => done
    Refused(Option<Error>),
}

impl<S: Service<R>, R> ResponseFuture<S, R> {
    pub(super) fn chosen(service: S, request: R, active: Active) -> Self {
        let state = State::Readying { service, request: Some(request) };
        Self { state, active: Some(active) }
    }

    pub(super) fn refused(error: Error) -> Self {
        Self { state: State::Refused(Some(error)), active: None }
    }
}

impl<S, R, ResB> Future for ResponseFuture<S, R>
where
    S: Service<R, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<ResB>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                Project::Readying { service, request } => {
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        return Poll::Ready(Err(error.into()));
                    }
                    State::Calling(service.call(request.take().expect("left at once")))
                }
                Project::Calling(future) => {
                    let result = ready!(future.poll(cx)).map_err(Into::into);
                    let mut active = this.active.take();
                    if let Some(active) = &mut active {
                        active.ended(|clocks| {
                            result.as_ref().map_or(true, |response| is_failure(clocks, response))
                        });
                    }
                    return Poll::Ready(
                        result.map(|response| response.map(|body| ResponseBody::new(body, active))),
                    );
                }
                Project::Refused(error) => {
                    let error = error.take().expect("a future is not polled after it is ready");
                    return Poll::Ready(Err(error.into()));
                }
            };
            this.state.set(next);
        }
    }
}

/// Whether the response says that the service failed, in HTTP or, in its headers, in gRPC.
fn is_failure<B>(clocks: &Clocks, response: &Response<B>) -> bool {
    let headers = response.headers();
    // A status in trailers yet to come is no failure so far.
    grpc::outcome_of_head(grpc::is_grpc(headers), response.status(), headers)
        .is_some_and(|outcome| clocks.judge(outcome).class() == Class::Failure(Fault::Upstream))
}

impl<S: Service<R>, R> fmt::Debug for ResponseFuture<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
