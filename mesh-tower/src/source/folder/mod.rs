//! A folder of YAML files, watched.
//!
//! | module | has |
//! |---|---|
//! | `list` | the files that are read, and findings about folders |
//! | `stamp` | size, times and inode of a file, by which an unchanged file is not read |
//! | `reader` | the files of the latest reading; only changed files are read and decoded again |
//! | `watch` | waits for a change |

mod list;
mod reader;
mod stamp;
mod watch;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use mesh_core::api::Strictness;

use self::reader::{FolderReader, Reading};
use self::watch::Watch;
use super::{Kind, Next, Said, Source, SourceError, Update};

pub(crate) use list::nothing_in;
pub use list::{Folder, read_folder};

/// The `.yaml`, `.yml` and `.json` files of a folder and its sub-folders (Y-1).
///
/// It yields documents when the content of the folder changes. It never ends: while the folder is gone, each reading
/// is an error, and the first reading after that yields documents again.
///
/// Its future may be cancelled: the next call yields what the cancelled one did not.
#[derive(Debug)]
pub struct FolderSource {
    place: SharedFolder,
    is_watched: bool,
    watch: Option<Watch>,
    has_begun: bool,
    /// Number of the latest reading that it yielded.
    yielded: u64,
}

impl FolderSource {
    /// The files of this folder, read this strictly, whatever
    /// [`MeshBuilder::istio_runtime`](crate::MeshBuilder::istio_runtime) says.
    pub fn new(folder: impl Into<PathBuf>, strictness: Strictness) -> Self {
        let reader = FolderReader::new(folder, strictness);
        let place = SharedFolder(Arc::new(Mutex::new(Place { reader, last: None, readings: 0 })));
        Self { place, is_watched: true, watch: None, has_begun: false, yielded: 0 }
    }

    /// Whether the folder is watched; on by default. Without, the first update is the only one.
    #[must_use]
    pub const fn watch(mut self, is_watched: bool) -> Self {
        self.is_watched = is_watched;
        self
    }

    /// The folder, for readings that no change causes.
    pub(crate) fn place(&self) -> SharedFolder {
        self.place.clone()
    }

    /// The first reading. It fails if the folder cannot be watched.
    fn begin(&mut self) -> Option<Result<Update, SourceError>> {
        // Watched before it is read: a change during the reading is seen.
        let folder = self.place.path();
        let watch = self.is_watched.then(|| Watch::new(&folder));
        let news = self.place.news(self.yielded);
        if let Some(Err(error)) = news {
            return Some(Err(error));
        }
        match watch.transpose() {
            Ok(watch) => self.watch = watch,
            Err(error) => {
                let reason = format!("{} cannot be watched: {error}", folder.display());
                return Some(Err(SourceError::new(reason)));
            }
        }
        self.has_begun = true;
        news.map(|news| news.map(|said| self.update(said)))
    }

    fn update(&mut self, said: Said) -> Update {
        self.yielded = said.reading.unwrap_or(self.yielded);
        Update(Kind::Documents(Box::new(said)))
    }
}

impl Source for FolderSource {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            if !self.has_begun {
                return self.begin();
            }
            let Some(watch) = &self.watch else { std::future::pending().await };
            loop {
                let (place, yielded) = (self.place.clone(), self.yielded);
                // Reading a large folder takes a while; requests must not wait for it.
                match watch.after_a_change(move || place.news(yielded)).await {
                    Ok(Some(news)) => return Some(news.map(|said| self.update(said))),
                    Ok(None) => unchanged(),
                    Err(error) => {
                        tracing::error!(%error, "a reading of the folder failed; the last good configuration stays in force");
                    }
                }
            }
        })
    }
}

/// Counts a reading without news.
fn unchanged() {
    metrics::counter!("mesh_config_reload_total", "result" => "unchanged").increment(1);
}

/// A folder and its latest reading.
///
/// # Clone
/// Clones are the same folder.
#[derive(Clone)]
pub(crate) struct SharedFolder(Arc<Mutex<Place>>);

#[derive(Debug)]
struct Place {
    reader: FolderReader,
    /// The latest reading, if it did not fail.
    last: Option<Reading>,
    /// Number of the latest reading, failed ones included. An unchanged folder has the number of the reading before.
    readings: u64,
}

impl SharedFolder {
    pub(crate) fn path(&self) -> PathBuf {
        self.lock().reader.folder().to_owned()
    }

    /// Reads the folder. Returns its content unless the caller has it: `known` is the number of the caller's latest
    /// reading, 0 before the first.
    pub(crate) fn news(&self, known: u64) -> Option<Result<Said, SourceError>> {
        let mut place = self.lock();
        let reading = match place.reader.read() {
            Ok(reading) => reading,
            Err(reason) => {
                // The next reading is news, even if it equals the one before.
                place.last = None;
                place.readings += 1;
                return Some(Err(SourceError { reading: Some(place.readings), ..SourceError::new(reason) }));
            }
        };
        if !place.last.as_ref().is_some_and(|last| reading.is_as(last)) {
            place.readings += 1;
        } else if place.readings <= known {
            return None;
        }
        let (documents, findings) = reading.documents();
        let said = Said { documents, findings, empty: reading.empty.clone(), reading: Some(place.readings) };
        place.last = Some(reading);
        Some(Ok(said))
    }

    /// The next reading is news, even if it equals the one before.
    pub(crate) fn forget(&self) {
        self.lock().last = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Place> {
        // After a panic the files that are known are whole: each is a value of its own.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SharedFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedFolder").field(&self.path()).finish()
    }
}

#[cfg(test)]
mod tests;
