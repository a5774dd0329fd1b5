//! Follows the source for as long as there is the mesh.

use std::sync::Weak;
use std::time::Duration;

use mesh_core::analysis::Diagnostics;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Inner, Mesh};
use crate::source::{Report, Source, Update};

/// An error that comes sooner than this came at once.
const AT_ONCE: Duration = Duration::from_millis(10);

/// How long a source is left alone that fails at once.
const REST: Duration = Duration::from_secs(1);

/// Takes each update of the source. Returns when the source ends, when it is followed no longer, or when there is no
/// handle of the mesh.
pub(super) async fn follow(owner: Weak<Inner>, source: Box<dyn Source>, stop: CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = take_all(owner, source) => {}
    }
}

async fn take_all(owner: Weak<Inner>, mut source: Box<dyn Source>) {
    loop {
        let asked = Instant::now();
        let next = source.next().await;
        let Some(mesh) = owner.upgrade().map(Mesh) else { return };
        match next {
            Some(Ok(update)) => {
                let report = take(mesh, update).await;
                source.report(&report);
            }
            Some(Err(error)) => {
                mesh.source_failed(&error);
                drop(mesh);
                if asked.elapsed() < AT_ONCE {
                    tokio::time::sleep(REST).await;
                }
            }
            None => return mesh.source_ended(),
        }
    }
}

/// Compiling a large configuration takes a while; requests must not wait for it.
async fn take(mesh: Mesh, update: Update) -> Report {
    let taken = mesh.clone();
    spawn_blocking(move || taken.take(update)).await.unwrap_or_else(|error| {
        mesh.recover();
        tracing::error!(%error, "a reload failed; the last good configuration stays in force");
        Report::Rejected { reason: error.to_string(), findings: Diagnostics::new() }
    })
}
