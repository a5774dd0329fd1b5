//! Sees that the folder has changed (OP-5).
//!
//! The folder is watched, not its files: editors rename, Kubernetes swaps a symlink. Events only
//! say "look again"; what is read is compared, so that a touched file changes nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::{Inner, Mesh};

/// Events within this time are one change.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// A change that was missed, on a file system without events, is seen after this time.
const POLL: Duration = Duration::from_secs(30);

pub(super) fn start(inner: &Arc<Inner>, folder: &Path) -> notify::Result<()> {
    let changed = Arc::new(Notify::new());
    let signal = changed.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let reading = event.is_ok_and(|event| event.kind.is_access());
        if !reading {
            signal.notify_one();
        }
    })?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    let owner = Arc::downgrade(inner);
    let closed = inner.closed.clone();
    tokio::spawn(async move {
        let _watcher = watcher;
        loop {
            tokio::select! {
                () = changed.notified() => tokio::time::sleep(DEBOUNCE).await,
                () = tokio::time::sleep(POLL) => {}
                () = closed.cancelled() => return,
            }
            let Some(inner) = owner.upgrade() else { return };
            // Parsing and compiling a large folder takes a while; requests must not wait for it.
            let mesh = Mesh(inner);
            let runtime = tokio::runtime::Handle::current();
            let reload = tokio::task::spawn_blocking(move || {
                let _context = runtime.enter();
                mesh.reload()
            });
            if let Err(error) = reload.await {
                tracing::error!(%error, "a reload failed; the last good configuration stays in force");
            }
        }
    });
    Ok(())
}
