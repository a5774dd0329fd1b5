//! The future of [`Normalize`](super::Normalize).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::SERVER;
use http::{Response, StatusCode};
use mesh_core::headers::Survey;
use mesh_core::headers::hop::{self, Upgrade};

use super::policy::Policy;
use crate::error::{BoxError, Error};

/// Waits for the response, then removes its hop-by-hop headers and sets `server`.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    state: NormalizeState<F>,
}

#[pin_project::pin_project(project = Project)]
#[derive(Debug)]
enum NormalizeState<F> {
    // Calling => done
    Calling {
        #[pin]
        future: F,
        /// Some if the policy sets `server`.
        policy: Option<Arc<Policy>>,
    },
    // Refused => done
    Refused(Option<Error>),
}

impl<F> ResponseFuture<F> {
    pub(super) const fn calling(future: F, policy: Option<Arc<Policy>>) -> Self {
        Self { state: NormalizeState::Calling { future, policy } }
    }

    pub(super) const fn refused(error: Error) -> Self {
        Self { state: NormalizeState::Refused(Some(error)) }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Project::Calling { future, policy } => {
                let mut result = future.poll(cx);
                if let Poll::Ready(Ok(response)) = &mut result {
                    clean(response);
                    if let Some(server) = policy.as_ref().and_then(|policy| policy.server.clone()) {
                        response.headers_mut().insert(SERVER, server);
                    }
                }
                result.map_err(Into::into)
            }
            Project::Refused(error) => {
                let error = error.take().expect("a future is not polled after it is ready");
                Poll::Ready(Err(error.into()))
            }
        }
    }
}

/// Removes the hop-by-hop headers.
fn clean<B>(response: &mut Response<B>) {
    let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    if Survey::of(headers).hop_by_hop {
        let upgrade = if switching { hop::upgrade(headers) } else { Upgrade::None };
        hop::strip(headers, upgrade);
    }
}
