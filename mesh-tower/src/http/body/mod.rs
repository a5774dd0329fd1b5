//! The one body type inside the stack.
//!
//! It is an enum, not a box of boxes: a body that hyper received is forwarded frame by frame, without an allocation and
//! with its size hint, so that `content-length` survives. Only a body of the user's own type is boxed, once, at the edge.

pub(crate) mod end;
mod exclusive;
pub mod guard;
mod limited;
pub(crate) mod observe;
pub(crate) mod replay;
pub(crate) mod upload;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use mesh_core::headers::FieldLimit;

use crate::http::BoxError;
use exclusive::Exclusive;
use limited::poll_limited;
pub(crate) use limited::{FieldsTooLarge, TOO_MUCH};
use replay::ReplayBody;

/// A request or response body; see the [module](self).
///
/// It is `Sync`, whatever body it was made of, so that other libraries take it: `reqwest::Body::wrap(body)`.
pub struct Body(Kind);

enum Kind {
    Empty,
    Full(Bytes),
    /// Trailers have the default limit.
    Incoming(Incoming),
    /// Trailers have another limit; boxed, so that the limit makes no body larger.
    Limited(Box<(Incoming, FieldLimit)>),
    Replay(ReplayBody),
    Boxed(BoxBody<Bytes, BoxError>),
}

impl Body {
    /// A body of no bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Wraps any body. A body of another type is boxed once; a `Body` stays as it is.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut slot = Some(body);
        let own = (&mut slot as &mut dyn std::any::Any).downcast_mut::<Option<Self>>();
        if let Some(own) = own.and_then(Option::take) {
            return own;
        }
        slot.map(|body| Self::shared(Exclusive::new(body))).unwrap_or_default()
    }

    /// Boxes a body that is `Sync`: its end and its size hint are read on demand.
    pub(crate) fn shared<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Kind::Boxed(body.map_err(Into::into).boxed()))
    }

    /// A body that a server received; trailers over the limit are an error (GW-12).
    #[must_use]
    pub fn limited(body: Incoming, limit: FieldLimit) -> Self {
        if limit == FieldLimit::default() {
            return Self(Kind::Incoming(body));
        }
        Self(Kind::Limited(Box::new((body, limit))))
    }

    pub(crate) fn replay(body: ReplayBody) -> Self {
        Self(Kind::Replay(body))
    }

    /// Whether the whole body is in memory; unlike [`try_clone`](Self::try_clone), this clones nothing.
    pub(crate) const fn is_in_memory(&self) -> bool {
        matches!(self.0, Kind::Empty | Kind::Full(_))
    }

    /// A copy, if it needs no buffering: for empty and complete in-memory bodies. A body that has already ended counts as
    /// empty: no connection reads it, so a copy that is made on reading would never reach its end.
    pub(crate) fn try_clone(&self) -> Option<Self> {
        match &self.0 {
            Kind::Empty => Some(Self(Kind::Empty)),
            Kind::Full(bytes) => Some(Self(Kind::Full(bytes.clone()))),
            Kind::Incoming(body) if http_body::Body::is_end_stream(body) => Some(Self(Kind::Empty)),
            Kind::Limited(limited) if http_body::Body::is_end_stream(&limited.0) => Some(Self(Kind::Empty)),
            Kind::Boxed(body) if http_body::Body::is_end_stream(body) => Some(Self(Kind::Empty)),
            // A second reader of the replay buffer would take frames from this one.
            Kind::Replay(_) | Kind::Incoming(_) | Kind::Limited(_) | Kind::Boxed(_) => None,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Incoming> for Body {
    fn from(body: Incoming) -> Self {
        Self::limited(body, FieldLimit::default())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::empty() } else { Self(Kind::Full(bytes)) }
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Incoming(body) => poll_limited(body, FieldLimit::default(), cx),
            Kind::Limited(limited) => {
                let (body, limit) = &mut **limited;
                poll_limited(body, *limit, cx)
            }
            Kind::Replay(body) => Pin::new(body).poll_frame(cx),
            Kind::Boxed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(_) => false,
            Kind::Incoming(body) => body.is_end_stream(),
            Kind::Limited(limited) => limited.0.is_end_stream(),
            Kind::Replay(body) => body.is_end_stream(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(body) => body.size_hint(),
            Kind::Limited(limited) => limited.0.size_hint(),
            Kind::Replay(body) => body.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Empty => "Body(Empty)",
            Kind::Full(_) => "Body(Full)",
            Kind::Incoming(_) | Kind::Limited(_) => "Body(Incoming)",
            Kind::Replay(_) => "Body(Replay)",
            Kind::Boxed(_) => "Body(Boxed)",
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    #[tokio::test]
    async fn a_body_of_ours_is_not_boxed_again() {
        let body = Body::new(Body::from("abc"));
        assert!(matches!(body.0, Kind::Full(_)));
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
    }

    #[test]
    fn va_10_a_strangers_body_that_has_ended_can_be_copied() {
        let over = Body::new(http_body_util::Empty::<Bytes>::new());
        assert!(matches!(over.0, Kind::Boxed(_)));
        assert!(over.try_clone().is_some_and(|copy| copy.is_end_stream()));
        let to_come = Body::new(http_body_util::Full::new(Bytes::from_static(b"abc")));
        assert!(to_come.try_clone().is_none());
    }

    #[test]
    fn futures_stay_small() {
        assert!(size_of::<Body>() <= 40, "{}", size_of::<Body>());
    }

    #[test]
    fn a_body_goes_where_shared_ones_are_wanted() {
        fn send_and_sync<T: Send + Sync>() {}
        send_and_sync::<Body>();
    }
}
