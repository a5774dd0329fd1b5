//! [`GrpcWeb`].

use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use mesh_core::grpc_web::{Call, Kind};
use tower_service::Service;

use super::future::Bridging;
use super::request::{self, Refusal};
use super::{ResponseBody, ResponseFuture};
use crate::error::BoxError;
use crate::request::boxed_request::{Carry, Convert};

const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Converts grpc-web to gRPC; see the [module](super).
#[derive(Clone, Debug)]
pub struct GrpcWeb<S> {
    pub(super) inner: S,
    pub(super) per_route: bool,
}

impl<S, R, ResB> Service<R> for GrpcWeb<S>
where
    R: Convert,
    S: Service<R::Own, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ResB: http_body::Body<Data = Bytes> + From<Bytes>,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, carrier: R) -> Self::Future {
        let mut carrier = carrier.convert();
        let call = match carrier.matched() {
            Some(matched) if self.per_route => matched.grpc_web(),
            _ if self.per_route => None,
            _ => Call::of(carrier.request().headers()),
        };
        let Some(call) = call else {
            return ResponseFuture::calling(self.inner.call(carrier), None);
        };
        as_grpc(carrier.request_mut().headers_mut());
        if let Some(matched) = carrier.matched_mut() {
            matched.speaks_grpc();
        }
        let record = carrier.record().cloned().unwrap_or_default();
        record.note(|decision| decision.grpc_web = Some(call));
        let refusal = Refusal::default();
        if call.request == Kind::Text {
            let body = carrier.request_mut().body_mut();
            *body = request::decoded(std::mem::take(body), refusal.clone());
        }
        let bridging = Bridging::new(call.response, record, refusal);
        ResponseFuture::calling(self.inner.call(carrier), Some(Box::new(bridging)))
    }
}

/// The headers of the same call in gRPC.
fn as_grpc(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    // It is the length of the text, or belongs to HTTP/1.1.
    headers.remove(CONTENT_LENGTH);
    // The gRPC libraries of pages do not decompress.
    headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
}
