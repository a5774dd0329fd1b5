//! The future of a layer that may answer without its inner service.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::http::BoxError;

/// Either the inner service's future, or the layer's own answer.
#[pin_project::pin_project(project = Project)]
#[derive(Debug)]
pub enum ReadyOr<F, T> {
    /// The inner service answers.
    Calling(#[pin] F),
    /// The layer answered; `None` once taken. Boxed: every call moves this enum, and few calls need the answer.
    Done(Option<Box<Result<T, BoxError>>>),
}

impl<F, T> ReadyOr<F, T> {
    pub(crate) fn ok(answer: T) -> Self {
        Self::Done(Some(Box::new(Ok(answer))))
    }

    pub(crate) fn fail(error: impl Into<BoxError>) -> Self {
        Self::Done(Some(Box::new(Err(error.into()))))
    }
}

impl<F, T, E> Future for ReadyOr<F, T>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Calling(future) => future.poll(cx).map_err(Into::into),
            Project::Done(answer) => {
                Poll::Ready(*answer.take().expect("a future is not polled after it is ready"))
            }
        }
    }
}
