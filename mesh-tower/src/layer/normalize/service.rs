//! [`Normalize`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use tower_service::Service;

use super::ResponseFuture;
use super::policy::Policy;
use crate::error::{BoxError, Error};
use crate::request::boxed_request::Carrier;

/// Normalises requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct Normalize<S> {
    pub(super) inner: S,
    pub(super) policy: Arc<Policy>,
}

impl<S, R: Carrier, ResB> Service<R> for Normalize<S>
where
    S: Service<R, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut carrier: R) -> Self::Future {
        match self.policy.apply(&mut carrier) {
            Ok(()) => {
                let server = self.policy.server.is_some().then(|| self.policy.clone());
                ResponseFuture::calling(self.inner.call(carrier), server)
            }
            Err(reply) => ResponseFuture::refused(Error::caller(reply, None)),
        }
    }
}
