//! The future of [`PerRoute`](super::PerRoute).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use tower_service::Service;

use super::choice::later;
use crate::error::{BoxError, Error};
use crate::request::boxed_request::BoxedRequest;
use crate::upstream::pool::ClusterPool;

/// The inner call; before it, where there is no endpoint yet, the wait for name servers.
#[pin_project::pin_project]
pub struct Picking<S: Service<BoxedRequest>> {
    #[pin]
    state: State<S, S::Future>,
}

#[pin_project::pin_project(project = Project)]
enum State<S, F> {
    // Awaiting => (Calling | done). Boxed: few calls wait, and each would keep room for it.
    Awaiting(Option<Box<Awaiting<S>>>),
    // Calling => done
    Calling(#[pin] F),
    // Refused => done
    Refused(Option<Error>),
}

struct Awaiting<S> {
    answered: BoxFuture<'static, ()>,
    pool: Arc<ClusterPool>,
    service: S,
    boxed: BoxedRequest,
}

impl<S: Service<BoxedRequest>> Picking<S> {
    pub(super) fn picked(future: S::Future) -> Self {
        Self { state: State::Calling(future) }
    }

    pub(super) fn refused(error: Error) -> Self {
        Self { state: State::Refused(Some(error)) }
    }

    pub(super) fn awaiting(pool: Arc<ClusterPool>, service: S, boxed: BoxedRequest) -> Self {
        let cluster = pool.cluster().clone();
        // The request holds a place of the cluster, which is shown from its first request on.
        let _ = cluster.stats();
        let answered = Box::pin(async move {
            if let Some(following) = cluster.following() {
                following.answered().await;
            }
        });
        let awaiting = Awaiting { answered, pool, service, boxed };
        Self { state: State::Awaiting(Some(Box::new(awaiting))) }
    }
}

impl<S> Future for Picking<S>
where
    S: Service<BoxedRequest, Error = BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                Project::Calling(future) => return future.poll(cx),
                Project::Awaiting(awaiting) => {
                    let waits = awaiting.as_deref_mut().expect("left at once");
                    ready!(waits.answered.as_mut().poll(cx));
                    let Awaiting { pool, mut service, mut boxed, .. } =
                        *awaiting.take().expect("it was just polled");
                    match later(&pool, &boxed) {
                        Ok(picked) => {
                            boxed.stage().picked = Some(picked);
                            State::Calling(service.call(boxed))
                        }
                        Err(error) => State::Refused(Some(error)),
                    }
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

impl<S: Service<BoxedRequest>> fmt::Debug for Picking<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picking").finish_non_exhaustive()
    }
}
