//! The future of [`Retry`](super::Retry).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::drain::drain;
use super::loop_state::{Again, Next};
use crate::body::Body;
use crate::error::{BoxError, Error};

/// Attempts, until one is passed on.
#[pin_project::pin_project]
pub struct ResponseFuture<S: Service<Request<Body>>> {
    #[pin]
    state: State<S::Future>,
    /// Boxed: it is looked at once more at the end, and would be moved with the future through every layer.
    again: Option<Box<(S, Again)>>,
}

#[pin_project::pin_project(project = Project)]
enum State<F> {
    // Calling => (Waiting | done)
    Calling(#[pin] F),
    // Waiting => Calling
    Waiting { sleep: Option<Pin<Box<Sleep>>>, request: Option<Box<Request<Body>>> },
}

impl<S: Service<Request<Body>>> ResponseFuture<S> {
    pub(super) fn once(future: S::Future) -> Self {
        Self { state: State::Calling(future), again: None }
    }

    pub(super) fn new(future: S::Future, service: S, again: Again) -> Self {
        Self { state: State::Calling(future), again: Some(Box::new((service, again))) }
    }
}

impl<S, ResB> Future for ResponseFuture<S>
where
    S: Service<Request<Body>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ResB: http_body::Body + Send + 'static,
    ResB::Data: Send,
    ResB::Error: Send,
{
    type Output = Result<Response<ResB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                Project::Calling(future) => {
                    let result = ready!(future.poll(cx)).map_err(Into::into);
                    let Some((_, again)) = this.again.as_deref_mut() else { return Poll::Ready(result) };
                    let next = match result {
                        Ok(response) => match again.after_response(&response) {
                            Next::Pass => {
                                again.commit();
                                return Poll::Ready(Ok(response));
                            }
                            next @ Next::Retry(..) => {
                                drain(response.into_body());
                                next
                            }
                        },
                        Err(error) => match again.after_error(Error::from_box(error)) {
                            Ok(next) => next,
                            Err(error) => return Poll::Ready(Err(error.into())),
                        },
                    };
                    let Next::Retry(delay, request) = next else {
                        unreachable!("an error that is passed on returns above");
                    };
                    let sleep = (!delay.is_zero()).then(|| Box::pin(sleep(delay)));
                    State::Waiting { sleep, request: Some(request) }
                }
                Project::Waiting { sleep, request } => {
                    if let Some(sleep) = sleep {
                        ready!(sleep.as_mut().poll(cx));
                    }
                    let (service, again) = this.again.as_deref_mut().expect("kept while attempts may follow");
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        return Poll::Ready(Err(error.into()));
                    }
                    let request = request.take().expect("sent once");
                    State::Calling(service.call(again.mark(*request)))
                }
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<Request<Body>>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
