//! A connection that has become something else: bytes, both ways, until both sides have ended (VA-14).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use pin_project::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::registry::{Activity, Order, Registry, Ticket};

/// Joins the two halves once both have switched. `body` is the response that allowed it: it ends, and is
/// reported, with the tunnel.
///
/// One side's end is passed on as an end of that direction only, so that the other may still answer.
pub(crate) fn tunnel<B: Send + 'static>(
    caller: OnUpgrade,
    endpoint: mesh_tower::upgrade::OnUpgrade,
    body: B,
    registry: &Arc<Registry>,
    activity: &Activity,
) {
    let ticket = Ticket::again(registry, activity);
    ticket.activity.tunnel();
    // It is at work for as long as it stands.
    let open = ticket.activity.begin();
    tokio::spawn(async move {
        let copy = async {
            let caller = async { Ok(caller.await?) };
            let (caller, endpoint) = tokio::try_join!(caller, endpoint)?;
            let mut caller = TokioIo::new(caller);
            // All that passes, passes here.
            let mut endpoint = Watched { io: endpoint, activity: ticket.activity.clone() };
            tokio::io::copy_bidirectional(&mut caller, &mut endpoint).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        tokio::select! {
            result = copy => if let Err(error) = result {
                tracing::debug!(%error, "a tunnel broke");
            },
            () = ticket.activity.told(Order::End) => {}
        }
        drop((open, body));
    });
}

/// A stream that notes that it is used.
#[pin_project]
struct Watched<T> {
    #[pin]
    io: T,
    activity: Arc<Activity>,
}

impl<T: AsyncRead> AsyncRead for Watched<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buf.filled().len();
        let result = ready!(this.io.poll_read(cx, buf));
        if buf.filled().len() != before {
            this.activity.read();
        }
        Poll::Ready(result)
    }
}

impl<T: AsyncWrite> AsyncWrite for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        let result = ready!(this.io.poll_write(cx, bytes));
        this.activity.read();
        Poll::Ready(result)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }
}
