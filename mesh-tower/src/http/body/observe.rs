//! A body whose frames an observer sees on their way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::body::Body;
use crate::http::BoxError;

/// An event of a body on its way.
pub(crate) enum BodyEvent<'a> {
    /// A frame of data.
    Data(&'a Bytes),
    /// The trailers.
    Trailers(&'a HeaderMap),
    /// The announced length has passed; repeated with each later frame. Trailers may follow, and the reader may never
    /// poll for them.
    Whole,
    /// The body has ended.
    End,
    /// The body failed.
    Failed,
}

/// Observes a body. It is dropped with the body, whether or not the body was read to its end.
pub(crate) trait BodyObserver: Send + Sync + Unpin + 'static {
    fn on_event(&mut self, event: BodyEvent<'_>);
}

/// The same body; `observer` sees each frame that is read from it.
pub(crate) fn observe(body: Body, observer: impl BodyObserver) -> Body {
    Body::shared(ObservedBody { inner: body, observer, over: false })
}

struct ObservedBody<W> {
    inner: Body,
    observer: W,
    over: bool,
}

impl<W: BodyObserver> ObservedBody<W> {
    /// Reports the end once: some bodies announce their end and then also reach it.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.observer.on_event(BodyEvent::End);
        }
    }
}

impl<W: BodyObserver> http_body::Body for ObservedBody<W> {
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
                    this.observer.on_event(BodyEvent::Data(data));
                    if this.inner.size_hint().exact() == Some(0) {
                        this.observer.on_event(BodyEvent::Whole);
                    }
                } else if let Some(trailers) = frame.trailers_ref() {
                    this.observer.on_event(BodyEvent::Trailers(trailers));
                }
                // No frame follows trailers: the reader may keep the body and not poll it again.
                if frame.is_trailers() || this.inner.is_end_stream() {
                    this.end();
                }
            }
            Some(Err(_)) => {
                this.over = true;
                this.observer.on_event(BodyEvent::Failed);
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

/// A body that announces its length, as an upload with `content-length` does, and its end only on another poll.
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

    impl BodyObserver for Notes {
        fn on_event(&mut self, event: BodyEvent<'_>) {
            self.0.lock().unwrap().push(match event {
                BodyEvent::Data(data) => String::from_utf8(data.to_vec()).unwrap(),
                BodyEvent::Trailers(trailers) => format!("{} trailers", trailers.len()),
                BodyEvent::Whole => "whole".to_owned(),
                BodyEvent::End => "end".to_owned(),
                BodyEvent::Failed => "failed".to_owned(),
            });
        }
    }

    async fn notes(frames: Vec<Result<Frame<Bytes>, BoxError>>) -> Vec<String> {
        let notes = Notes::default();
        let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
        let mut body = observe(body, notes.clone());
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
        let mut body = observe(Body::new(StreamBody::new(frames)), notes.clone());
        while !body.frame().await.unwrap().unwrap().is_trailers() {}
        assert_eq!(*notes.0.lock().unwrap(), ["a", "1 trailers", "end"], "without another poll");
        let notes = Notes::default();
        let mut body = observe(announced("abc"), notes.clone());
        body.frame().await.unwrap().unwrap();
        assert_eq!(*notes.0.lock().unwrap(), ["abc", "whole"]);
        assert!(body.frame().await.is_none());
        assert_eq!(*notes.0.lock().unwrap(), ["abc", "whole", "end"]);
    }
}
