//! The files of a folder as of the latest reading.
//!
//! ```text
//! each file ──its stamp is as before──▶ not read
//!     │
//!     └──read──its text is as before──▶ not decoded
//!                  │
//!                  └──▶ decoded
//! ```
//!
//! Texts are compared with the texts in memory. That needs no hash: the rules of a reload (a file that was cut, Y-12) keep
//! each text in any case.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use mesh_core::analysis::{Diagnostic, Diagnostics};
use mesh_core::api::{Documents, Strictness};
use mesh_core::read::File;

use super::list::{Listed, list, text_of, unreadable};
use super::stamp::Stamp;

/// Reads a folder again and again.
#[derive(Debug)]
pub(crate) struct FolderReader {
    folder: PathBuf,
    strictness: Strictness,
    known: HashMap<PathBuf, Known>,
}

/// A file that was read.
#[derive(Debug)]
struct Known {
    /// None if the file may have changed since without a new stamp.
    stamp: Option<Stamp>,
    file: Arc<File>,
}

/// The content of a folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Sorted by name.
    files: Vec<Arc<File>>,
    /// Of files that cannot be read, or that there is none.
    findings: Diagnostics,
    /// Its sub-folders without files.
    pub(crate) empty: Vec<String>,
    effort: Effort,
}

/// The names of the files that a reading read and decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Effort {
    read: Vec<String>,
    decoded: Vec<String>,
}

impl FolderReader {
    pub(crate) fn new(folder: impl Into<PathBuf>, strictness: Strictness) -> Self {
        Self { folder: folder.into(), strictness, known: HashMap::new() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the files that may have changed.
    ///
    /// # Errors
    /// If a folder cannot be listed; the text names it.
    pub(crate) fn read(&mut self) -> Result<Reading, String> {
        self.read_at(SystemTime::now())
    }

    fn read_at(&mut self, now: SystemTime) -> Result<Reading, String> {
        let (mut known, mut effort) = (HashMap::new(), Effort::default());
        let listed = list(&self.folder, &mut |path| {
            let before = self.known.remove(path);
            let looked = look(path, before, self.strictness, now, &mut effort)?;
            Some(looked.map(|one| {
                let file = one.file.clone();
                known.insert(path.to_owned(), one);
                file
            }))
        });
        if listed.is_err() {
            // The folder may come back with the same files.
            known.extend(self.known.drain());
        }
        self.known = known;
        let Listed { mut files, findings, empty } = listed?;
        files.sort_by(|a, b| a.name().cmp(b.name()));
        let reading = Reading { files, findings, empty, effort };
        let (read, decoded) = (reading.effort.read.len(), reading.effort.decoded.len());
        tracing::debug!(files = reading.files.len(), read, decoded, "folder {} read", self.folder.display());
        Ok(reading)
    }
}

/// A file as it is now; nothing if it is gone.
fn look(
    path: &Path,
    before: Option<Known>,
    strictness: Strictness,
    now: SystemTime,
    effort: &mut Effort,
) -> Option<Result<Known, Diagnostic>> {
    let before = match before {
        Some(known) if known.is_untouched(path, now) => return Some(Ok(known)),
        other => other.map(|known| known.file),
    };
    let (stamp, bytes) = match read(path, now) {
        Ok(read) => read,
        Err(error) => return unreadable(path, &error).map(Err),
    };
    let name = path.display().to_string();
    effort.read.push(name.clone());
    if let Some(file) = before.filter(|file| file.text().as_bytes() == bytes) {
        return Some(Ok(Known { stamp, file }));
    }
    Some(text_of(path, bytes).map(|text| {
        let file = Arc::new(File::read(&name, &text, strictness));
        effort.decoded.push(name);
        Known { stamp, file }
    }))
}

/// The bytes of a file, and its stamp from before the reading: a change during the reading changes the stamp.
fn read(path: &Path, now: SystemTime) -> io::Result<(Option<Stamp>, Vec<u8>)> {
    let mut file = fs::File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.read_to_end(&mut bytes)?;
    Ok((Stamp::of(&metadata, now), bytes))
}

impl Known {
    fn is_untouched(&self, path: &Path, now: SystemTime) -> bool {
        let stamp = || Stamp::of(&fs::metadata(path).ok()?, now);
        self.stamp.is_some() && stamp() == self.stamp
    }
}

impl Reading {
    /// All documents of the files, and all findings.
    pub(crate) fn documents(&self) -> (Documents, Diagnostics) {
        let (documents, mut findings) = Documents::of_files(self.files.iter().map(AsRef::as_ref));
        findings.append(self.findings.clone());
        (documents, findings)
    }

    /// Whether nothing changed since.
    pub(crate) fn is_as(&self, before: &Self) -> bool {
        let same = |(one, other): (&Arc<File>, &Arc<File>)| Arc::ptr_eq(one, other);
        self.files.len() == before.files.len()
            && self.files.iter().zip(&before.files).all(same)
            && self.findings == before.findings
            && self.empty == before.empty
    }
}

#[cfg(test)]
mod tests;
