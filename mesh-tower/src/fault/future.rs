//! The future of [`Fault`](super::Fault).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::error::{BoxError, Error};

/// Delays, then aborts or calls.
#[pin_project::pin_project]
pub struct ResponseFuture<S: Service<Request<B>>, B> {
    #[pin]
    state: State<S, B, S::Future>,
}

#[pin_project::pin_project(project = Project)]
enum State<S, B, F> {
    // Delaying => (Calling | Aborted)
    Delaying { sleep: Pin<Box<Sleep>>, next: Option<Box<Result<(S, Request<B>), Error>>> },
    // Calling => done
    Calling(#[pin] F),
    // Aborted => done
    Aborted(Option<Error>),
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) fn calling(future: S::Future) -> Self {
        Self { state: State::Calling(future) }
    }

    pub(super) fn aborted(error: Error) -> Self {
        Self { state: State::Aborted(Some(error)) }
    }

    pub(super) fn delayed(delay: Duration, abort: Option<Error>, service: S, request: Request<B>) -> Self {
        let next = abort.map_or(Ok((service, request)), Err);
        Self { state: State::Delaying { sleep: Box::pin(sleep(delay)), next: Some(Box::new(next)) } }
    }
}

impl<S, B, ResB> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ResB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                Project::Delaying { sleep, next } => {
                    ready!(sleep.as_mut().poll(cx));
                    match *next.take().expect("left at once") {
                        Ok((mut service, request)) => State::Calling(service.call(request)),
                        Err(error) => State::Aborted(Some(error)),
                    }
                }
                Project::Calling(future) => return future.poll(cx).map_err(Into::into),
                Project::Aborted(error) => {
                    let error = error.take().expect("a future is not polled after it is ready");
                    return Poll::Ready(Err(error.into()));
                }
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
