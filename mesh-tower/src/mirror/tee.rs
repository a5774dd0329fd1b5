//! One body, two readers, of whom only the first counts.

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

/// Splits a body: the first is read at its own pace, the second gets what has been read, and fails
/// when it falls more than [`BUFFER`] bytes behind.
pub(super) fn tee(body: Body, slow: Counter) -> (Body, Body) {
    // Bounded by bytes below; frames without bytes are not forwarded.
    let (sender, receiver) = mpsc::unbounded_channel();
    let lag = Arc::new(AtomicUsize::new(0));
    let hint = body.size_hint();
    let first = First { body, copy: Some(sender), lag: lag.clone(), slow };
    (Body::new(first), Body::new(Second { receiver, lag, hint, ended: false }))
}

enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

struct First {
    body: Body,
    copy: Option<mpsc::UnboundedSender<Piece>>,
    lag: Arc<AtomicUsize>,
    slow: Counter,
}

impl First {
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

impl http_body::Body for First {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
                    this.forward(Piece::Data(data.clone()));
                } else if let Some(trailers) = frame.trailers_ref() {
                    this.forward(Piece::Trailers(trailers.clone()));
                }
                if this.body.is_end_stream() {
                    this.forward(Piece::End);
                    this.copy = None;
                }
            }
            Some(Err(_)) => this.copy = None,
            None => {
                this.forward(Piece::End);
                this.copy = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Second {
    receiver: mpsc::UnboundedReceiver<Piece>,
    lag: Arc<AtomicUsize>,
    hint: SizeHint,
    ended: bool,
}

impl http_body::Body for Second {
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

    #[tokio::test]
    async fn va_10_a_mirror_that_lags_is_dropped_and_the_caller_is_not() {
        let chunk = Bytes::from(vec![7; BUFFER / 2 + 1]);
        let (first, second) = tee(streamed(vec![chunk.clone(), chunk.clone()]), Counter::noop());
        assert_eq!(first.collect().await.unwrap().to_bytes().len(), 2 * chunk.len());
        assert!(second.collect().await.is_err());
    }
}
