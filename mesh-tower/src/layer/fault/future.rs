//! The future of [`Fault`](super::Fault).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Response;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::ResponseBody;
use super::active::ActiveFault;
use crate::error::{BoxError, Error};

/// Waits for the delay, then aborts or calls.
#[pin_project::pin_project]
pub struct ResponseFuture<S: Service<R>, R> {
    #[pin]
    state: FaultState<S, R, S::Future>,
    /// The fault's effects on the response.
    after: Option<Box<After>>,
}

struct After {
    bytes_per_second: Option<u64>,
    active: Option<ActiveFault>,
}

#[pin_project::pin_project(project = Project)]
enum FaultState<S, R, F> {
    // Delaying => (Calling | Aborted)
    Delaying(Box<Delayed<S, R>>),
    // Calling => done
    Calling(#[pin] F),
    // Aborted => done
    Aborted(Option<Error>),
}

struct Delayed<S, R> {
    sleep: Pin<Box<Sleep>>,
    /// `None` once taken.
    next: Option<Result<(S, R), Error>>,
}

impl<S: Service<R>, R> ResponseFuture<S, R> {
    pub(super) fn calling(future: S::Future) -> Self {
        Self { state: FaultState::Calling(future), after: None }
    }

    pub(super) fn aborted(error: Error) -> Self {
        Self { state: FaultState::Aborted(Some(error)), after: None }
    }

    pub(super) fn delayed(delay: Duration, abort: Option<Error>, service: S, request: R) -> Self {
        let next = Some(abort.map_or(Ok((service, request)), Err));
        let state = FaultState::Delaying(Box::new(Delayed { sleep: Box::pin(sleep(delay)), next }));
        Self { state, after: None }
    }

    /// Sets the rate of the response, and counts the request as one under a fault until its end.
    pub(super) fn holding(mut self, bytes_per_second: Option<u64>, active: Option<ActiveFault>) -> Self {
        if bytes_per_second.is_some() || active.is_some() {
            self.after = Some(Box::new(After { bytes_per_second, active }));
        }
        self
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
                Project::Delaying(delayed) => {
                    ready!(delayed.sleep.as_mut().poll(cx));
                    match delayed.next.take().expect("left at once") {
                        Ok((mut service, request)) => FaultState::Calling(service.call(request)),
                        Err(error) => FaultState::Aborted(Some(error)),
                    }
                }
                Project::Calling(future) => {
                    let response = ready!(future.poll(cx)).map_err(Into::into)?;
                    let after = this.after.take();
                    return Poll::Ready(Ok(response.map(|body| match after.map(|after| *after) {
                        Some(After { bytes_per_second, active }) => {
                            ResponseBody::under_fault(body, bytes_per_second, active)
                        }
                        None => ResponseBody::new(body),
                    })));
                }
                Project::Aborted(error) => {
                    let error = error.take().expect("a future is not polled after it is ready");
                    return Poll::Ready(Err(error.into()));
                }
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<R>, R> fmt::Debug for ResponseFuture<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
