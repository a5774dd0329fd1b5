//! What becomes of a response that is not passed on.

use std::pin::pin;
use std::time::Duration;

use http_body_util::BodyExt;

/// Read at most this much of it; an HTTP/1.1 connection is kept if that was all.
const CAP: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads the body to its end in the background, within bounds, so that its connection can be used
/// again.
pub(super) fn drain<B>(body: B)
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let read = async {
            let mut body = pin!(body);
            let mut total = 0;
            while let Some(Ok(frame)) = body.frame().await {
                total += frame.data_ref().map_or(0, bytes::Buf::remaining);
                if total > CAP {
                    return;
                }
            }
        };
        // Too slow is as good as too long: the connection is closed.
        let _ = tokio::time::timeout(PATIENCE, read).await;
    });
}
