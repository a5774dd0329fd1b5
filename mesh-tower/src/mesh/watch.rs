//! Sees that the folder has changed (OP-5).
//!
//! The folder is watched, not its files: editors rename, Kubernetes swaps a symlink. Events only
//! say "look again"; what is read is compared, so that a touched file changes nothing. A file that is being
//! written is not read half: the folder is read when nothing has happened for a moment and, where the system
//! tells of that, every file that was written to is closed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::{Inner, Mesh};

/// Events within this time are one change.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// For so long a change may go on, or a file be open, until what is there is read all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// A change that was missed, on a file system without events, is seen after this time.
const POLL: Duration = Duration::from_secs(30);

/// What the watcher has told.
#[derive(Debug, Default)]
struct Changes {
    news: Notify,
    /// Files that were written to and are not closed yet.
    open: Mutex<HashSet<PathBuf>>,
}

impl Changes {
    fn note(&self, event: Event) {
        let mut open = self.open();
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => open.extend(event.paths),
            EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Remove(_) => {
                for path in &event.paths {
                    open.remove(path);
                }
            }
            // We read ourselves.
            EventKind::Access(_) => return,
            _ => {}
        }
        drop(open);
        self.news.notify_one();
    }

    /// Ready when the change that has begun is over.
    async fn settled(&self) {
        let quiet = async {
            loop {
                tokio::select! {
                    biased;
                    () = self.news.notified() => {}
                    () = tokio::time::sleep(DEBOUNCE) => {
                        if self.open().is_empty() {
                            return;
                        }
                    }
                }
            }
        };
        if tokio::time::timeout(PATIENCE, quiet).await.is_err() {
            // Not every system tells when a file is closed.
            self.open().clear();
        }
    }

    fn open(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        // A set of names is whole whatever happened to who wrote it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn start(inner: &Arc<Inner>, folder: &Path) -> notify::Result<()> {
    let changes = Arc::new(Changes::default());
    let told = changes.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
        Ok(event) => told.note(event),
        Err(_) => told.news.notify_one(),
    })?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    let owner = Arc::downgrade(inner);
    let closed = inner.closed.clone();
    tokio::spawn(async move {
        let _watcher = watcher;
        loop {
            tokio::select! {
                () = changes.news.notified() => changes.settled().await,
                () = tokio::time::sleep(POLL) => {}
                () = closed.cancelled() => return,
            }
            let Some(inner) = owner.upgrade() else { return };
            // Parsing and compiling a large folder takes a while; requests must not wait for it.
            let mesh = Mesh(inner);
            if let Err(error) = tokio::task::spawn_blocking(move || mesh.reload()).await {
                tracing::error!(%error, "a reload failed; the last good configuration stays in force");
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, RemoveKind};
    use tokio::time::Instant;

    use super::*;

    const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const CLOSED: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));

    /// What happens to a file, each time after so many milliseconds, and when the change is over.
    async fn takes(events: &'static [(u64, EventKind)]) -> u128 {
        let changes = Arc::new(Changes::default());
        let start = Instant::now();
        let told = changes.clone();
        tokio::spawn(async move {
            for (wait, kind) in events {
                tokio::time::sleep(Duration::from_millis(*wait)).await;
                told.note(Event::new(*kind).add_path("mesh.yaml".into()));
            }
        });
        changes.news.notified().await;
        changes.settled().await;
        assert!(changes.open().is_empty());
        start.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn op_5_a_file_is_read_when_it_is_closed_and_all_is_quiet() {
        assert_eq!(takes(&[(0, EventKind::Create(CreateKind::Any))]).await, 100);
        assert_eq!(takes(&[(0, WRITTEN), (0, CLOSED)]).await, 100);
        assert_eq!(
            takes(&[(0, WRITTEN), (300, WRITTEN), (500, CLOSED)]).await,
            900,
            "in the middle it stood still"
        );
        assert_eq!(takes(&[(0, WRITTEN), (300, EventKind::Remove(RemoveKind::Any))]).await, 400);
        assert_eq!(takes(&[(0, WRITTEN)]).await, 2_000, "no system tells for ever that it is open");
    }

    #[tokio::test(start_paused = true)]
    async fn op_5_that_somebody_reads_is_no_news() {
        let changes = Changes::default();
        changes.note(Event::new(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(tokio::time::timeout(Duration::from_secs(9), changes.news.notified()).await.is_err());
    }
}
