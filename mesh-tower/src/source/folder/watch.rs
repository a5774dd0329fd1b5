//! Sees that the folder has changed (OP-5).
//!
//! The folder is watched, not its files: editors rename, Kubernetes swaps a symlink. Events only
//! say "look again"; what is read is compared, so that a touched file changes nothing. A file that is being
//! written is not read half: the folder is read when nothing has happened for a moment and, where the system
//! tells of that, every file that was written to is closed.
//!
//! A watch is of a folder, not of its name. What the name stands for may be replaced (removed and copied
//! anew, renamed over, a link on the way swapped), so the places where its names stand are watched too, and
//! what those stand in; after each change everything is watched anew before it is read. What is replaced
//! further above is seen by the poll.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::task::{JoinError, spawn_blocking};

/// Events within this time are one change.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// For so long a change may go on, or a file be open, until what is there is read all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// A change that was missed, on a file system without events, is seen after this time.
const POLL: Duration = Duration::from_secs(30);

/// Most links that a path may lead through, as the system has it.
const LINKS: usize = 40;

/// The events of the watcher.
#[derive(Debug, Default)]
struct Changes {
    news: Notify,
    /// Files that were written to and are not closed yet.
    open: Mutex<HashSet<PathBuf>>,
    /// The folder, and the links that lead to it: what happens beside them is not our affair.
    names: Mutex<Vec<PathBuf>>,
    /// Whether something happened to one of those, so that the folder may be another one.
    replaced: AtomicBool,
}

impl Changes {
    fn note(&self, event: Event) {
        if !event.paths.is_empty() && !self.concerns(&event) {
            return;
        }
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

    /// Whether it is about the folder, something in it, or what one of its names stands in.
    fn concerns(&self, event: &Event) -> bool {
        let names = lock(&self.names);
        let leads = |path: &PathBuf| names.iter().any(|name| name.starts_with(path));
        let named = event.paths.iter().any(leads);
        if named && !matches!(event.kind, EventKind::Access(_)) {
            self.replaced.store(true, Ordering::Relaxed);
        }
        named || names.first().is_none_or(|folder| event.paths.iter().any(|path| path.starts_with(folder)))
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
        lock(&self.open)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Sets of names are whole whatever happened to the thread that wrote them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder and the places around it, watched.
#[derive(Debug)]
struct Watched {
    watcher: RecommendedWatcher,
    folder: PathBuf,
    /// The folders that its names stand in, and those that these stand in.
    around: Vec<PathBuf>,
    /// The folders and files that cannot be watched; a warning has been logged for each.
    unwatched: HashSet<PathBuf>,
    changes: Arc<Changes>,
}

impl Watched {
    /// Watches what the folder's name stands for now, and the places of its names.
    fn arm(&mut self) -> notify::Result<()> {
        let names = names_of(&self.folder);
        let parents = names.iter().filter_map(|name| existing_parent(name));
        let mut around: Vec<PathBuf> =
            parents.flat_map(|place| [place.parent().map(Path::to_owned), Some(place)]).flatten().collect();
        around.sort();
        around.dedup();
        around.retain(|place| !place.starts_with(&self.folder));
        *lock(&self.changes.names) = names;
        for place in std::mem::replace(&mut self.around, around).iter().chain([&self.folder]) {
            // One that is gone is not watched any more.
            let _: notify::Result<()> = self.watcher.unwatch(place);
        }
        for place in &self.around {
            let watched = self.watcher.watch(place, RecursiveMode::NonRecursive);
            if let Some(error) = first_failure(&mut self.unwatched, place, watched) {
                tracing::warn!(%error, "{} cannot be watched: a folder that is replaced is seen late", place.display());
            }
        }
        self.watcher.watch(&self.folder, RecursiveMode::Recursive)
    }
}

/// Why a place cannot be watched, if that is not known of it: it is tried again at each change and poll.
fn first_failure<E>(unwatched: &mut HashSet<PathBuf>, place: &Path, watched: Result<(), E>) -> Option<E> {
    match watched {
        Ok(()) => {
            unwatched.remove(place);
            None
        }
        Err(error) => unwatched.insert(place.to_owned()).then_some(error),
    }
}

/// The folder's own name, and those of the links on the way to it.
fn names_of(folder: &Path) -> Vec<PathBuf> {
    let mut names = vec![folder.to_owned()];
    let mut next = folder.to_owned();
    for _ in 0..LINKS {
        let link = next.ancestors().filter(|name| name.is_symlink()).last().map(Path::to_owned);
        let Some((link, to)) = link.and_then(|link| Some((link.clone(), link.read_link().ok()?))) else {
            break;
        };
        let rest = next.strip_prefix(&link).unwrap_or(Path::new("")).to_owned();
        let base = link.parent().unwrap_or(Path::new("/"));
        next = base.join(to).join(rest);
        names.push(link);
    }
    names.push(next);
    names
}

/// The folder that a name stands in; the nearest above that is there.
fn existing_parent(name: &Path) -> Option<PathBuf> {
    name.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned)
}

/// A folder that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    changes: Arc<Changes>,
    watched: Arc<Mutex<Watched>>,
}

impl Watch {
    pub(super) fn new(folder: &Path) -> notify::Result<Self> {
        let changes = Arc::new(Changes::default());
        let noted = changes.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) => noted.note(event),
            Err(_) => noted.news.notify_one(),
        })?;
        let folder = std::path::absolute(folder).map_err(notify::Error::io)?;
        let (around, unwatched) = (Vec::new(), HashSet::new());
        let mut watched = Watched { watcher, folder, around, unwatched, changes: changes.clone() };
        watched.arm()?;
        Ok(Self { changes, watched: Arc::new(Mutex::new(watched)) })
    }

    /// Waits until a change is over, 30 s at most without one, then calls `read` on a thread that may block.
    ///
    /// If it is cancelled, the next call does not wait for another change.
    pub(super) async fn after_a_change<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let Self { changes, watched } = self;
        let is_change = tokio::select! {
            () = changes.news.notified() => true,
            () = tokio::time::sleep(POLL) => false,
        };
        let unread = Unread(&changes.news);
        if is_change {
            changes.settled().await;
        }
        if changes.replaced.swap(false, Ordering::Relaxed) {
            // The new one may still be filled: that is seen from now on.
            let watched = watched.clone();
            let armed = spawn_blocking(move || arm(&watched)).await;
            armed.unwrap_or_else(|error| tracing::error!(%error, "the folder cannot be watched anew"));
            changes.settled().await;
        }
        let watched = watched.clone();
        let done = spawn_blocking(move || {
            arm(&watched);
            read()
        });
        let done = done.await;
        std::mem::forget(unread);
        done
    }
}

/// A change that is not read yet. When it is dropped, the change counts as new.
struct Unread<'c>(&'c Notify);

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// A folder that is not there is waited for at the places of its names.
fn arm(watched: &Mutex<Watched>) {
    if let Err(error) = lock(watched).arm() {
        tracing::debug!(%error, "the folder cannot be watched now");
    }
}

#[cfg(test)]
mod tests;
