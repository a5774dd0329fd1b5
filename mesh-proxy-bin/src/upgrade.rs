//! A connection that has become something else: bytes, both ways, until both sides have ended (VA-14).

use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::registry::{Activity, Order, Registry, Ticket};

/// Joins the two halves once both have switched. `body` is the response that allowed it: it ends, and is
/// reported, with the tunnel.
///
/// One side's end is passed on as an end of that direction only, so that the other may still answer.
pub(crate) fn tunnel<B: Send + 'static>(
    caller: OnUpgrade,
    endpoint: OnUpgrade,
    body: B,
    registry: &Arc<Registry>,
    activity: &Activity,
) {
    let ticket = Ticket::again(registry, activity);
    // It is at work for as long as it stands.
    let open = ticket.activity.begin();
    tokio::spawn(async move {
        let copy = async {
            let (caller, endpoint) = tokio::try_join!(caller, endpoint)?;
            let (mut caller, mut endpoint) = (TokioIo::new(caller), TokioIo::new(endpoint));
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
