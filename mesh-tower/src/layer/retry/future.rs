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
use crate::request::boxed_request::Carrier;

/// Attempts, until one is passed on.
#[pin_project::pin_project]
pub struct ResponseFuture<S: Service<R>, R> {
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
    Waiting(Box<Waiting>),
}

struct Waiting {
    sleep: Option<Pin<Box<Sleep>>>,
    /// `None` once sent.
    request: Option<Request<Body>>,
}

impl<S: Service<R>, R> ResponseFuture<S, R> {
    pub(super) fn once(future: S::Future) -> Self {
        Self { state: State::Calling(future), again: None }
    }

    pub(super) fn new(future: S::Future, again: Box<(S, Again)>) -> Self {
        Self { state: State::Calling(future), again: Some(again) }
    }
}

impl<S, R, ResB> Future for ResponseFuture<S, R>
where
    R: Carrier<Body = Body>,
    S: Service<R, Response = Response<ResB>>,
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
                    let polled = future.poll(cx);
                    let Some((_, again)) = this.again.as_deref_mut() else {
                        return polled.map_err(Into::into);
                    };
                    let judged = match &polled {
                        Poll::Ready(Ok(response)) => match again.after_response(response) {
                            Ok(Next::Pass) => {
                                again.commit();
                                return polled.map_err(Into::into);
                            }
                            judged => Some(judged),
                        },
                        Poll::Ready(Err(_)) | Poll::Pending => None,
                    };
                    let next = match (judged, polled) {
                        (Some(judged), Poll::Ready(Ok(response))) => {
                            drain(response.into_body());
                            judged
                        }
                        (None, Poll::Ready(Err(error))) => again.after_error(Error::from_box(error.into())),
                        (None, Poll::Pending) => {
                            let expired = ready!(again.poll_limit(cx));
                            again.after_error(expired)
                        }
                        _ => unreachable!("only responses have been judged"),
                    };
                    match next {
                        Ok(Next::Retry(delay, request)) => {
                            let sleep = (!delay.is_zero()).then(|| Box::pin(sleep(delay)));
                            State::Waiting(Box::new(Waiting { sleep, request: Some(*request) }))
                        }
                        Ok(Next::Pass) => unreachable!("an error that is passed on is returned as one"),
                        Err(error) => return Poll::Ready(Err(error.into())),
                    }
                }
                Project::Waiting(waiting) => {
                    if let Some(sleep) = &mut waiting.sleep {
                        ready!(sleep.as_mut().poll(cx));
                    }
                    let (service, again) = this.again.as_deref_mut().expect("kept while attempts may follow");
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        return Poll::Ready(Err(error.into()));
                    }
                    let request = waiting.request.take().expect("sent once");
                    State::Calling(service.call(again.carry(request)))
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
