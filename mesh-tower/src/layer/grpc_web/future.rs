//! The future of [`GrpcWeb`](super::GrpcWeb).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use mesh_core::grpc_web::{Kind, Malformed};
use mesh_core::reply::{Dialect, Flag, LocalReply, ResponseFlags, grpc_message, grpc_of_http};

use super::ResponseBody;
use super::request::Refusal;
use crate::error::{BoxError, Error};
use crate::grpc;
use crate::request::Record;

/// The most bytes of a foreign answer's text that become the message.
const MAX_MESSAGE: usize = 16 * 1024;

/// The inner response; converted if the request was.
#[pin_project::pin_project]
pub struct ResponseFuture<F, ResB> {
    #[pin]
    inner: F,
    /// `None` if the request is not grpc-web.
    bridging: Option<Box<Bridging<ResB>>>,
}

/// The facts of a grpc-web request that are kept until its answer.
pub(super) struct Bridging<ResB> {
    kind: Kind,
    record: Record,
    refusal: Refusal,
    /// An answer that is not gRPC, and its text so far.
    reading: Option<(Parts, Pin<Box<ResB>>, Vec<u8>)>,
}

impl<F, ResB> ResponseFuture<F, ResB> {
    pub(super) const fn calling(inner: F, bridging: Option<Box<Bridging<ResB>>>) -> Self {
        Self { inner, bridging }
    }
}

impl<ResB> Bridging<ResB> {
    pub(super) const fn new(kind: Kind, record: Record, refusal: Refusal) -> Self {
        Self { kind, record, refusal, reading: None }
    }

    /// The error in the page's dialect.
    fn failed(&self, error: BoxError) -> BoxError {
        let mut error = match self.refusal.reason() {
            Some(why) => Error::caller(malformed(why), Some(error)),
            None => Error::from_box(error),
        };
        error.set_dialect(Dialect::GrpcWeb(self.kind));
        error.into()
    }
}

impl<ResB> Bridging<ResB>
where
    ResB: http_body::Body<Data = Bytes> + From<Bytes>,
    ResB::Error: Into<BoxError>,
{
    fn answered(&mut self, response: Response<ResB>) -> Option<Response<ResponseBody<ResB>>> {
        let (mut head, body) = response.into_parts();
        head.headers.remove(CONTENT_LENGTH);
        let bridged = is_bridged(&head);
        let content_type = self.kind.content_type();
        head.headers.insert(CONTENT_TYPE, content_type);
        if bridged {
            self.note(&head.headers);
            let body = ResponseBody::bridged(body, self.kind, self.record.clone());
            return Some(Response::from_parts(head, body));
        }
        self.reading = Some((head, Box::pin(body), Vec::new()));
        None
    }

    /// Notes the status of a call that has it in its headers.
    fn note(&self, headers: &HeaderMap) {
        let status = grpc::status(headers);
        if status.is_some() {
            self.record.note(|decision| decision.grpc_status = status);
        }
    }

    /// Reads the answer's text, and makes it the message.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<ResponseBody<ResB>>, BoxError>> {
        let (_, body, text) = self.reading.as_mut().expect("an answer is being read");
        while text.len() < MAX_MESSAGE
            && let Some(frame) = ready!(body.as_mut().poll_frame(cx))
        {
            match frame {
                Ok(frame) => {
                    let data = frame.data_ref().map_or(&[][..], |data| data);
                    text.extend_from_slice(&data[..data.len().min(MAX_MESSAGE - text.len())]);
                }
                Err(error) => return Poll::Ready(Err(self.failed(error.into()))),
            }
        }
        let (mut head, _, text) = self.reading.take().expect("seen above");
        if !head.headers.contains_key("grpc-status") {
            let status = HeaderValue::from(u16::from(grpc_of_http(head.status)));
            head.headers.insert("grpc-status", status);
            if let Some(message) = grpc_message(&text) {
                head.headers.insert("grpc-message", message);
            }
        }
        self.note(&head.headers);
        Poll::Ready(Ok(Response::from_parts(head, ResponseBody::new(Bytes::new().into()))))
    }
}

/// Whether the answer is gRPC and goes to the page frame by frame.
fn is_bridged(head: &Parts) -> bool {
    let web = || head.headers.get(CONTENT_TYPE).and_then(|value| Kind::of_content_type(value.as_bytes()));
    head.status == StatusCode::OK && (grpc::is_grpc(&head.headers) || web() == Some(Kind::Binary))
}

fn malformed(why: Malformed) -> LocalReply {
    let details = match why {
        Malformed::Text => "grpc_base_64_decode_failed",
        Malformed::Length => "grpc_base_64_decode_failed_bad_size",
    };
    let reply = LocalReply::new(StatusCode::BAD_REQUEST, Flag::DownstreamProtocolError, details);
    LocalReply { flags: ResponseFlags::NONE, ..reply.body("Bad gRPC-web request, invalid base64 data.") }
}

impl<F, ResB, E> Future for ResponseFuture<F, ResB>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: Into<BoxError>,
    ResB: http_body::Body<Data = Bytes> + From<Bytes>,
    ResB::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<ResB>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(bridging) = this.bridging else {
            return this.inner.poll(cx).map(|result| match result {
                Ok(response) => Ok(response.map(ResponseBody::new)),
                Err(error) => Err(error.into()),
            });
        };
        if bridging.reading.is_none() {
            match ready!(this.inner.poll(cx)) {
                Ok(response) => {
                    if let Some(response) = bridging.answered(response) {
                        return Poll::Ready(Ok(response));
                    }
                }
                Err(error) => return Poll::Ready(Err(bridging.failed(error.into()))),
            }
        }
        bridging.poll_message(cx)
    }
}

impl<F, ResB> fmt::Debug for ResponseFuture<F, ResB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("bridging", &self.bridging.is_some()).finish()
    }
}
