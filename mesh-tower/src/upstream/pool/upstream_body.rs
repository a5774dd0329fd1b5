//! The body of a response as its connection yields it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::failure::Broken;
use super::http2::Http2Body;
use crate::http::failure::classify;

/// From a connection of either kind.
#[derive(Debug)]
pub(crate) enum UpstreamBody {
    Http1(Incoming),
    Http2(Http2Body),
    /// Of a response that opens a tunnel.
    None,
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(match self.get_mut() {
            Self::Http1(body) => ready!(Pin::new(body).poll_frame(cx))
                .map(|frame| frame.map_err(|error| Broken { reset: classify(&error), source: error.into() })),
            Self::Http2(body) => ready!(Pin::new(body).poll_frame(cx)),
            Self::None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
            Self::None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
            Self::None => SizeHint::with_exact(0),
        }
    }
}
