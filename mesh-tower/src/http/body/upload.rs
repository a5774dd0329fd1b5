//! When has the request been sent? Timeouts count from there (RT-1, RT-3).

use http_body::Body as _;
use tokio::sync::oneshot;

use crate::body::Body;
use crate::observed::{Seen, Watch, observed};

/// Resolves when the last byte of the body was read for sending; at once if there is none.
pub(crate) type Uploaded = Option<oneshot::Receiver<()>>;

/// Watches a body for its end. A body that has ended already is left as it is.
pub(crate) fn watch(body: &mut Body) -> Uploaded {
    if body.is_end_stream() || body.is_in_memory() && body.size_hint().upper().is_some_and(|n| n <= 65_536) {
        // Nothing to wait for: empty, or in memory and handed to the connection in one go.
        return None;
    }
    let (sender, receiver) = oneshot::channel();
    let inner = std::mem::take(body);
    *body = observed(inner, Sending(Some(sender)));
    Some(receiver)
}

/// Dropped at the end of the body, or with it: either way the upload is over.
struct Sending(Option<oneshot::Sender<()>>);

impl Watch for Sending {
    fn saw(&mut self, seen: Seen<'_>) {
        if matches!(seen, Seen::Whole | Seen::End) {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::observed::announced;

    #[tokio::test]
    async fn rt_1_an_upload_has_ended_when_its_announced_length_was_read() {
        let mut body = announced("all of it");
        let mut uploaded = watch(&mut body).unwrap();
        assert!(uploaded.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        body.frame().await.unwrap().unwrap();
        assert!(uploaded.await.is_err(), "the sender is dropped at the end");
    }
}
