//! Reports the end of a request's upload; timeouts count from there (RT-1, RT-3).

use http_body::Body as _;
use tokio::sync::oneshot;

use crate::body::Body;
use crate::http::body::observe::{BodyEvent, BodyObserver, observe};

/// Resolves when the last byte of the body has been read for sending; `None` if there is no upload to wait for.
pub(crate) type Uploaded = Option<oneshot::Receiver<()>>;

/// Watches a body for its end. A body that has already ended, or that is sent in one go, stays as it is.
pub(crate) fn watch(body: &mut Body) -> Uploaded {
    if body.is_end_stream() || body.is_in_memory() && body.size_hint().upper().is_some_and(|n| n <= 65_536) {
        // Empty, or in memory and handed to the connection in one go.
        return None;
    }
    let (sender, receiver) = oneshot::channel();
    let inner = std::mem::take(body);
    *body = observe(inner, Sending(Some(sender)));
    Some(receiver)
}

/// The sender is dropped at the end of the body, or with the body: both end the upload.
struct Sending(Option<oneshot::Sender<()>>);

impl BodyObserver for Sending {
    fn on_event(&mut self, event: BodyEvent<'_>) {
        if matches!(event, BodyEvent::Whole | BodyEvent::End) {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::http::body::observe::announced;

    #[tokio::test]
    async fn rt_1_an_upload_has_ended_when_its_announced_length_was_read() {
        let mut body = announced("all of it");
        let mut uploaded = watch(&mut body).unwrap();
        assert!(uploaded.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        body.frame().await.unwrap().unwrap();
        assert!(uploaded.await.is_err(), "the sender is dropped at the end");
    }
}
