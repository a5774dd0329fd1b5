//! The body of a response to the caller: the stack's, or a local reply's.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use mesh_tower::{Body, BoxError};
use pin_project::pin_project;

use crate::connection::activity::Open;

/// A response body; the request counts as open until it is dropped.
#[pin_project]
#[derive(Debug)]
pub(crate) struct Reply<B> {
    #[pin]
    kind: Kind<B>,
    /// Whether its length is kept from the connection.
    unannounced: bool,
    _open: Open,
}

#[pin_project(project = KindProject)]
#[derive(Debug)]
enum Kind<B> {
    Stack(#[pin] B),
    Local(#[pin] Body),
    /// Read to its end, and none of its data passed on.
    Silent(#[pin] B),
}

impl<B> Reply<B> {
    pub(crate) const fn stack(body: B, open: Open) -> Self {
        Self { kind: Kind::Stack(body), unannounced: false, _open: open }
    }

    /// To HEAD over HTTP/2: DATA would break the stream, and hyper writes every body.
    pub(crate) const fn silent(body: B, open: Open) -> Self {
        Self { kind: Kind::Silent(body), unannounced: false, _open: open }
    }

    pub(crate) const fn local(body: Body, open: Open) -> Self {
        Self { kind: Kind::Local(body), unannounced: false, _open: open }
    }

    /// Read to its very end. HTTP/1.1 drops a body once the announced length is written, and would never come to
    /// the trailers behind it, where a gRPC call says how it ended (OD-3).
    pub(crate) fn until_trailers(self) -> Self {
        Self { unannounced: true, ..self }
    }
}

impl<B> http_body::Body for Reply<B>
where
    B: http_body::Body<Data = Bytes, Error = BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProject::Stack(body) => body.poll_frame(cx),
            KindProject::Local(body) => body.poll_frame(cx),
            KindProject::Silent(mut body) => loop {
                match ready!(body.as_mut().poll_frame(cx)) {
                    Some(Ok(frame)) if frame.is_data() => {}
                    frame => return Poll::Ready(frame),
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Stack(body) | Kind::Silent(body) => body.is_end_stream(),
            Kind::Local(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.unannounced {
            return SizeHint::default();
        }
        match &self.kind {
            Kind::Stack(body) | Kind::Silent(body) => body.size_hint(),
            Kind::Local(body) => body.size_hint(),
        }
    }
}
