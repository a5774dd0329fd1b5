//! The folder that the library and the proxies watch during a run.
//!
//! It holds the manifests as they are in the source tree, unmodified, and one generated file for each running
//! instance. Manifests that are edited during the run are copied again, so a user edits the file that the
//! README names. Every file appears whole or not at all: it is written beside its place under a name that no
//! reader takes, then renamed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mesh_core::analysis::Diagnostics;
use mesh_core::api::Documents;

/// Manifests by file name.
type Manifests = BTreeMap<String, Vec<u8>>;

/// A folder of running configuration, and where its manifests come from.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    manifests: PathBuf,
    copied: Manifests,
    seen: Manifests,
}

/// Manifests that differ from those in force.
#[derive(Debug)]
pub(super) struct Edit(Manifests);

impl Folder {
    /// Makes `path` and copies the manifests into it.
    pub(super) fn create(path: PathBuf, manifests: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        let mut folder = Self { path, manifests, copied: Manifests::new(), seen: Manifests::new() };
        let now = folder.read()?;
        anyhow::ensure!(!now.is_empty(), "{} holds no YAML file", folder.manifests.display());
        folder.apply(Edit(now))?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where users edit.
    pub(super) fn manifests(&self) -> &Path {
        &self.manifests
    }

    /// The manifests of the last copy, parsed, with their findings.
    pub(super) fn documents(&self) -> (Documents, Diagnostics) {
        Documents::parse(self.copied.iter().map(|(name, text)| (name, String::from_utf8_lossy(text))))
    }

    /// What was edited since the last copy, once two looks in a row have found the same: some editors empty a
    /// file before they write it.
    pub(super) fn look(&mut self) -> anyhow::Result<Option<Edit>> {
        let now = self.read()?;
        if now == self.copied {
            return Ok(None);
        }
        if now != self.seen {
            self.seen = now;
            return Ok(None);
        }
        Ok(Some(Edit(now)))
    }

    /// Copies changed files, and deletes those that are gone.
    pub(super) fn apply(&mut self, edit: Edit) -> anyhow::Result<()> {
        let Edit(now) = edit;
        for (name, text) in &now {
            if self.copied.get(name) != Some(text) {
                self.write(name, text)?;
            }
        }
        for name in self.copied.keys().filter(|name| !now.contains_key(*name)) {
            self.remove(name)?;
        }
        self.copied = now;
        Ok(())
    }

    fn read(&self) -> anyhow::Result<Manifests> {
        read_manifests(&self.manifests).with_context(|| format!("reading {}", self.manifests.display()))
    }

    /// Puts a file in place, whole.
    pub(super) fn write(&self, name: &str, text: &[u8]) -> anyhow::Result<()> {
        let (place, beside) = (self.path.join(name), self.path.join(format!(".{name}.part")));
        fs::write(&beside, text)
            .and_then(|()| fs::rename(&beside, &place))
            .with_context(|| format!("writing {}", place.display()))
    }

    /// Takes a file away.
    pub(super) fn remove(&self, name: &str) -> anyhow::Result<()> {
        let place = self.path.join(name);
        match fs::remove_file(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", place.display()))
            }
            _ => Ok(()),
        }
    }
}

fn read_manifests(folder: &Path) -> io::Result<Manifests> {
    let mut files = Manifests::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.'));
        if let (true, Some(name)) = (is_yaml, name) {
            match fs::read(&path) {
                Ok(text) => drop(files.insert(name.to_owned(), text)),
                // An editor renames its new file into place; in between there may be none.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn manifests_are_copied_unmodified_and_edits_follow() {
        let root = tempfile::tempdir().unwrap();
        let (source, path) = (root.path().join("source"), root.path().join("run"));
        fs::create_dir(&source).unwrap();
        fs::write(source.join("a.yaml"), "one").unwrap();
        fs::write(source.join("b.yaml"), "two").unwrap();
        fs::write(source.join("notes.txt"), "no manifest").unwrap();
        let mut folder = Folder::create(path.clone(), source.clone()).unwrap();
        folder.write("instance.yaml", b"generated").unwrap();
        assert_eq!(names(&path), ["a.yaml", "b.yaml", "instance.yaml"]);
        assert!(folder.look().unwrap().is_none(), "nothing was edited");

        fs::write(source.join("a.yaml"), "edited").unwrap();
        fs::remove_file(source.join("b.yaml")).unwrap();
        assert!(folder.look().unwrap().is_none(), "it may be half written");
        let edit = folder.look().unwrap().unwrap();
        folder.apply(edit).unwrap();
        assert!(folder.look().unwrap().is_none());
        assert_eq!(names(&path), ["a.yaml", "instance.yaml"]);
        assert_eq!(fs::read(path.join("a.yaml")).unwrap(), b"edited");

        folder.remove("instance.yaml").unwrap();
        folder.remove("instance.yaml").unwrap();
        assert_eq!(names(&path), ["a.yaml"]);
    }

    #[test]
    fn a_folder_without_manifests_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let empty = root.path().join("empty");
        fs::create_dir(&empty).unwrap();
        assert!(Folder::create(root.path().join("run"), empty).is_err());
    }
}
