//! Splits one body for two readers; the second never holds up the first.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use metrics::Counter;
use tokio::sync::mpsc;

use super::BUFFER;
use crate::body::Body;
use crate::error::BoxError;
use crate::http::body::observe::{BodyEvent, BodyObserver, observe};

/// Splits a body: the caller's reader reads the first at its own pace. The second gets the frames that were read, and
/// fails when it falls more than [`BUFFER`] bytes behind.
pub(super) fn tee(body: Body, slow: Counter) -> (Body, Body) {
    // `BUFFER` bounds the bytes in this channel; frames without bytes are not forwarded.
    let (sender, receiver) = mpsc::unbounded_channel();
    let lag = Arc::new(AtomicUsize::new(0));
    let hint = body.size_hint();
    let first = observe(body, CopyFeed { copy: Some(sender), lag: lag.clone(), slow, whole: false });
    (first, Body::shared(CopyBody { receiver, lag, hint, ended: false }))
}

enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

struct CopyFeed {
    copy: Option<mpsc::UnboundedSender<Piece>>,
    lag: Arc<AtomicUsize>,
    slow: Counter,
    /// Whether the announced length has passed: the connection may then drop the body before its end.
    whole: bool,
}

impl CopyFeed {
    fn forward(&mut self, piece: Piece) {
        let Some(copy) = &self.copy else { return };
        let bytes = if let Piece::Data(data) = &piece { data.len() } else { 0 };
        // Relaxed: a count that orders nothing.
        let behind = self.lag.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if behind > BUFFER {
            self.slow.increment(1);
            self.copy = None;
        } else if copy.send(piece).is_err() {
            self.copy = None;
        }
    }
}

impl BodyObserver for CopyFeed {
    fn on_event(&mut self, event: BodyEvent<'_>) {
        match event {
            BodyEvent::Data(data) if data.is_empty() => {}
            BodyEvent::Data(data) => self.forward(Piece::Data(data.clone())),
            BodyEvent::Trailers(trailers) => self.forward(Piece::Trailers(trailers.clone())),
            BodyEvent::Whole => self.whole = true,
            BodyEvent::End => {
                self.forward(Piece::End);
                self.copy = None;
            }
            BodyEvent::Failed => self.copy = None,
        }
    }
}

impl Drop for CopyFeed {
    fn drop(&mut self) {
        if self.whole {
            self.forward(Piece::End);
        }
    }
}

struct CopyBody {
    receiver: mpsc::UnboundedReceiver<Piece>,
    lag: Arc<AtomicUsize>,
    hint: SizeHint,
    ended: bool,
}

impl http_body::Body for CopyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(this.receiver.poll_recv(cx)) {
            Some(Piece::Data(data)) => {
                this.lag.fetch_sub(data.len(), Ordering::Relaxed);
                Some(Ok(Frame::data(data)))
            }
            Some(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Piece::End) => {
                this.ended = true;
                None
            }
            None => {
                this.ended = true;
                Some(Err("the mirror fell behind, or the caller's body broke off".into()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;
    use crate::http::body::observe::announced;

    fn streamed(chunks: Vec<Bytes>) -> Body {
        Body::new(StreamBody::new(futures_util::stream::iter(
            chunks.into_iter().map(|chunk| Ok::<_, BoxError>(Frame::data(chunk))),
        )))
    }

    #[tokio::test]
    async fn va_10_both_get_the_whole_body() {
        let (first, second) = tee(streamed(vec!["one".into(), "two".into()]), Counter::noop());
        assert_eq!(first.collect().await.unwrap().to_bytes(), "onetwo");
        assert_eq!(second.collect().await.unwrap().to_bytes(), "onetwo");
    }

    /// A connection drops the body once it has sent the announced length.
    #[tokio::test]
    async fn va_10_the_copy_is_whole_though_nobody_asked_for_the_end() {
        let (mut first, second) = tee(announced("all"), Counter::noop());
        first.frame().await.unwrap().unwrap();
        drop(first);
        assert_eq!(second.collect().await.unwrap().to_bytes(), "all");
    }

    #[tokio::test]
    async fn va_10_a_mirror_that_lags_is_dropped_and_the_caller_is_not() {
        let chunk = Bytes::from(vec![7; BUFFER / 2 + 1]);
        let (first, second) = tee(streamed(vec![chunk.clone(), chunk.clone()]), Counter::noop());
        assert_eq!(first.collect().await.unwrap().to_bytes().len(), 2 * chunk.len());
        assert!(second.collect().await.is_err());
    }
}
