//! A request's body on its way into its stream.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::super::connection::SETTLE;
use crate::body::Body;
use crate::error::BoxError;

/// Sends a body frame by frame, as the peer's windows allow.
pub(super) struct Upload {
    body: Body,
    stream: SendStream<Bytes>,
    /// Data that waits for room, and whether it is the last.
    held: Option<(Bytes, bool)>,
}

impl Upload {
    pub(super) const fn new(body: Body, stream: SendStream<Bytes>) -> Self {
        Self { body, stream, held: None }
    }

    /// Ready when all was sent, or no more can be. An error shows in the response.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ended = ready!(self.try_poll(cx));
        // The peer has reset the stream, or the connection is gone: the response fails of the same cause.
        drop(ended);
        Poll::Ready(())
    }

    /// Sends the rest, as long as the response goes on and a moment longer. `response` yields what keeps the
    /// stream's place meanwhile, when the response has ended.
    pub(super) async fn run<P: Send>(mut self, mut response: oneshot::Receiver<P>) {
        let ended = tokio::select! {
            biased;
            ended = &mut response => ended,
            () = poll_fn(|cx| self.poll(cx)) => return,
        };
        let sent = match &ended {
            Ok(_place) => timeout(SETTLE, poll_fn(|cx| self.poll(cx))).await.is_ok(),
            Err(_abandoned) => false,
        };
        if !sent {
            self.stream.send_reset(Reason::CANCEL);
        }
    }

    fn try_poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if self.stream.poll_reset(cx)?.is_ready() {
                return Poll::Ready(Ok(()));
            }
            if self.held.is_some() {
                while self.stream.capacity() == 0 {
                    match ready!(self.stream.poll_capacity(cx)) {
                        Some(granted) => {
                            granted?;
                        }
                        // The stream takes no more.
                        None => return Poll::Ready(Ok(())),
                    }
                }
            }
            if let Some((data, last)) = self.held.take() {
                self.stream.send_data(data, last)?;
                if last {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            // Room is asked for once there is data: other streams would lack the room that is reserved for a body
            // without data.
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let last = self.body.is_end_stream();
                        if data.is_empty() {
                            // Peers count empty frames, and close a connection that brings many.
                            if last {
                                return Poll::Ready(self.stream.send_data(data, true));
                            }
                        } else {
                            self.stream.reserve_capacity(1);
                            self.held = Some((data, last));
                        }
                    }
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            self.stream.reserve_capacity(0);
                            return Poll::Ready(self.stream.send_trailers(trailers));
                        }
                    }
                },
                Some(Err(error)) => {
                    self.stream.send_reset(reason(&error));
                    return Poll::Ready(Ok(()));
                }
                None => return Poll::Ready(self.stream.send_data(Bytes::new(), true)),
            }
        }
    }
}

/// The reason with which the caller's side broke off, if it gave one.
fn reason(error: &BoxError) -> Reason {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&**error);
    while let Some(error) = cause {
        if let Some(reason) = error.downcast_ref().and_then(h2::Error::reason) {
            return reason;
        }
        cause = error.source();
    }
    Reason::INTERNAL_ERROR
}
