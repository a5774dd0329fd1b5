//! Tunnels: a connection after an upgrade carries bytes both ways until both sides have ended (VA-14).

use std::io;
use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use mesh_tower::tap::{Tap, Tapped};

use crate::connection::activity::{Activity, Order};
use crate::connection::registry::{Registry, Ticket};

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
    // An open tunnel counts as an open request.
    let open = ticket.activity.begin();
    tokio::spawn(async move {
        let copy = async {
            let caller = async { Ok(caller.await?) };
            let (caller, endpoint) = tokio::try_join!(caller, endpoint)?;
            let mut caller = TokioIo::new(caller);
            // Every byte of the tunnel passes here.
            let mut endpoint = Tapped::over(endpoint, Use(ticket.activity.clone()));
            tokio::io::copy_bidirectional(&mut caller, &mut endpoint).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        tokio::select! {
            result = copy => if let Err(error) = result {
                tracing::debug!(%error, "a tunnel broke");
            },
            () = ticket.activity.ordered(Order::End) => {}
        }
        drop((open, body));
    });
}

/// Notes that a stream is used.
struct Use(Arc<Activity>);

impl Tap for Use {
    fn has_read(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !bytes.is_empty() {
            self.0.read();
        }
        Ok(())
    }

    fn has_written(&mut self, _: usize) {
        self.0.read();
    }
}
