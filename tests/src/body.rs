//! Bodies that come in pieces, and bodies held by the test.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use mesh_tower::test::pass;
use mesh_tower::{Body, BoxError};
use tokio::sync::mpsc;

/// The writing end of a body.
#[derive(Clone, Debug)]
pub struct Sender(mpsc::Sender<Result<Frame<Bytes>, BoxError>>);

/// A body that the test writes while it is being sent. It ends when the sender is dropped.
#[must_use]
pub fn channel() -> (Sender, Body) {
    let (sender, receiver) = mpsc::channel(8);
    let frames = futures_util::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|frame| (frame, receiver))
    });
    (Sender(sender), Body::new(StreamBody::new(frames)))
}

impl Sender {
    /// Writes data; returns whether the body still has a reader.
    pub async fn data(&self, data: impl Into<Bytes>) -> bool {
        self.0.send(Ok(Frame::data(data.into()))).await.is_ok()
    }

    /// Writes trailers; returns whether the body still has a reader.
    pub async fn trailers(&self, trailers: http::HeaderMap) -> bool {
        self.0.send(Ok(Frame::trailers(trailers))).await.is_ok()
    }
}

/// A body of these bytes in pieces of this size, of unknown length.
#[must_use]
pub fn chunked(bytes: &Bytes, size: usize) -> Body {
    let chunks: Vec<Bytes> =
        (0..bytes.len()).step_by(size).map(|at| bytes.slice(at..(at + size).min(bytes.len()))).collect();
    let frames = futures_util::stream::iter(chunks).map(|chunk| Ok::<_, BoxError>(Frame::data(chunk)));
    Body::new(StreamBody::new(frames))
}

/// The same with a pause before each piece, in virtual time.
#[must_use]
pub fn slow(pieces: &'static [&'static str], pause: Duration) -> Body {
    let frames = futures_util::stream::iter(pieces).then(move |piece| async move {
        pass(pause).await;
        Ok::<_, BoxError>(Frame::data(Bytes::from_static(piece.as_bytes())))
    });
    Body::new(StreamBody::new(frames))
}

/// The next data of a body, as text; `None` at its end or at trailers.
///
/// # Panics
/// If the body fails.
pub async fn next_text(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.expect("the body goes on");
    frame.into_data().ok().map(|data| String::from_utf8_lossy(&data).into_owned())
}
