//! [`Cors`].

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response};
use mesh_core::cors::{CorsPolicy, Verdict};
use tower_service::Service;

use super::ResponseFuture;
use crate::error::BoxError;
use crate::request::boxed_request::Carrier;

/// Allows other origins; see the [module](super).
#[derive(Clone, Debug)]
pub struct Cors<S> {
    pub(super) inner: S,
    pub(super) policy: Option<Arc<CorsPolicy>>,
}

impl<S, R: Carrier, ResB> Service<R> for Cors<S>
where
    S: Service<R, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ResB: From<Bytes>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, carrier: R) -> Self::Future {
        let matched = carrier.matched();
        let policy = match (&self.policy, matched) {
            (Some(policy), _) => Some(policy),
            (None, Some(matched)) => matched.route().cors.as_ref(),
            (None, None) => None,
        };
        let Some(policy) = policy else {
            return ResponseFuture::calling(self.inner.call(carrier), None);
        };
        let request = carrier.request();
        match policy.judge(request.method(), request.headers()) {
            Verdict::Pass => ResponseFuture::calling(self.inner.call(carrier), None),
            Verdict::Grant(origin) => {
                let grant = Some(Box::new((policy.clone(), origin)));
                ResponseFuture::calling(self.inner.call(carrier), grant)
            }
            Verdict::Answer(headers) => {
                if let Some(matched) = matched {
                    matched.note_meant();
                }
                if let Some(record) = carrier.record() {
                    record.note(|decision| decision.details = "cors_response".into());
                }
                ResponseFuture::answered(answer(headers))
            }
        }
    }
}

fn answer<ResB: From<Bytes>>(headers: HeaderMap) -> Response<ResB> {
    let mut response = Response::new(Bytes::new().into());
    *response.headers_mut() = headers;
    response
}
