//! A request body that somebody looks at on its way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::body::Body;
use crate::http::BoxError;

/// What of a body has just passed.
pub(crate) enum Seen<'a> {
    Data(&'a Bytes),
    Trailers(&'a HeaderMap),
    /// The announced length has passed, told with each frame from then on; trailers may follow. Who has sent it
    /// may not ask for more.
    Whole,
    /// Nothing more is to come.
    End,
    /// It broke off.
    Failed,
}

/// Who looks. Dropped with the body, read to its end or not.
pub(crate) trait Watch: Send + Sync + Unpin + 'static {
    fn saw(&mut self, seen: Seen<'_>);
}

/// The same body, of which `watch` sees all that is read.
pub(crate) fn observed(body: Body, watch: impl Watch) -> Body {
    Body::shared(Observed { inner: body, watch, over: false })
}

struct Observed<W> {
    inner: Body,
    watch: W,
    over: bool,
}

impl<W: Watch> Observed<W> {
    /// Tells of the end, which some bodies announce and then come to.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.watch.saw(Seen::End);
        }
    }
}

impl<W: Watch> http_body::Body for Observed<W> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.watch.saw(Seen::Data(data));
                    if this.inner.size_hint().exact() == Some(0) {
                        this.watch.saw(Seen::Whole);
                    }
                } else if let Some(trailers) = frame.trailers_ref() {
                    this.watch.saw(Seen::Trailers(trailers));
                }
                // Nothing follows trailers: who sends them may keep the body, and not ask for more.
                if frame.is_trailers() || this.inner.is_end_stream() {
                    this.end();
                }
            }
            Some(Err(_)) => {
                this.over = true;
                this.watch.saw(Seen::Failed);
            }
            None => this.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Announces its length, as an upload with `content-length` does, and its end only on another poll.
#[cfg(test)]
pub(crate) fn announced(text: &'static str) -> Body {
    struct Announced(Option<Bytes>);

    impl http_body::Body for Announced {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.as_ref().map_or(0, Bytes::len) as u64)
        }
    }

    Body::new(Announced(Some(Bytes::from_static(text.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl Watch for Notes {
        fn saw(&mut self, seen: Seen<'_>) {
            self.0.lock().unwrap().push(match seen {
                Seen::Data(data) => String::from_utf8(data.to_vec()).unwrap(),
                Seen::Trailers(trailers) => format!("{} trailers", trailers.len()),
                Seen::Whole => "whole".to_owned(),
                Seen::End => "end".to_owned(),
                Seen::Failed => "failed".to_owned(),
            });
        }
    }

    async fn notes(frames: Vec<Result<Frame<Bytes>, BoxError>>) -> Vec<String> {
        let notes = Notes::default();
        let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
        let mut body = observed(body, notes.clone());
        while let Some(Ok(_)) = body.frame().await {}
        drop(body);
        Arc::into_inner(notes.0).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn all_that_passes_is_seen_and_one_end() {
        let data = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
        let trailers =
            || Ok(Frame::trailers(HeaderMap::from_iter([(http::header::TE, "a".parse().unwrap())])));
        assert_eq!(notes(vec![data("a"), data("b"), trailers()]).await, ["a", "b", "1 trailers", "end"]);
        assert_eq!(notes(vec![data("a"), Err("broken".into())]).await, ["a", "failed"]);
        assert_eq!(notes(vec![]).await, ["end"]);
        let notes = Notes::default();
        let frames = futures_util::stream::iter([data("a"), trailers()]);
        let mut body = observed(Body::new(StreamBody::new(frames)), notes.clone());
        while !body.frame().await.unwrap().unwrap().is_trailers() {}
        assert_eq!(*notes.0.lock().unwrap(), ["a", "1 trailers", "end"], "nobody asks for more");
        let notes = Notes::default();
        let mut body = observed(announced("abc"), notes.clone());
        body.frame().await.unwrap().unwrap();
        assert_eq!(*notes.0.lock().unwrap(), ["abc", "whole"]);
        assert!(body.frame().await.is_none());
        assert_eq!(*notes.0.lock().unwrap(), ["abc", "whole", "end"]);
    }
}
