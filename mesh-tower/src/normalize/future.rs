//! The future of [`Normalize`](super::Normalize).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::SERVER;
use http::{HeaderValue, Response, StatusCode};
use mesh_core::headers::Survey;
use mesh_core::headers::hop::{self, Upgrade};

use crate::error::{BoxError, Error};

/// Waits for the response and takes from its headers what ends here.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    state: State<F>,
}

#[pin_project::pin_project(project = Project)]
#[derive(Debug)]
enum State<F> {
    // Calling => done
    Calling {
        #[pin]
        future: F,
        server: Option<HeaderValue>,
    },
    // Refused => done
    Refused(Option<Error>),
}

impl<F> ResponseFuture<F> {
    pub(super) const fn calling(future: F, server: Option<HeaderValue>) -> Self {
        Self { state: State::Calling { future, server } }
    }

    pub(super) const fn refused(error: Error) -> Self {
        Self { state: State::Refused(Some(error)) }
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
            Project::Calling { future, server } => {
                let mut response = ready!(future.poll(cx)).map_err(Into::into)?;
                let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                let headers = response.headers_mut();
                if Survey::of(headers).hop_by_hop {
                    let upgrade = if switching { hop::upgrade(headers) } else { Upgrade::None };
                    hop::strip(headers, upgrade);
                }
                if let Some(server) = server.take() {
                    headers.insert(SERVER, server);
                }
                Poll::Ready(Ok(response))
            }
            Project::Refused(error) => {
                let error = error.take().expect("a future is not polled after it is ready");
                Poll::Ready(Err(error.into()))
            }
        }
    }
}
