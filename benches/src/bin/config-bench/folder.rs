//! The folder that the proxy follows: files of 50 services, replaced one at a time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use mesh_benches::documents::{Change, PER_FILE, Service, absent, files, gateway, text_of};
use mesh_benches::process::scratch;
use tempfile::TempDir;

/// The folder, its files, and a place for files beside it.
#[derive(Debug)]
pub(crate) struct Folder {
    root: TempDir,
    services: Vec<Service>,
    /// Size of all files.
    pub(crate) bytes: usize,
}

impl Folder {
    /// Writes `count` services. Those of `asked` stand at `live`, the others where no server is.
    pub(crate) fn write(count: u32, asked: &[usize], live: [SocketAddr; 2]) -> anyhow::Result<Self> {
        let root = scratch("config-bench-")?;
        let mut services = absent(usize::try_from(count)?);
        for &index in asked {
            services[index].endpoints = live;
        }
        let mut folder = Self { root, services, bytes: 0 };
        std::fs::create_dir(folder.path())?;
        let entry = gateway();
        std::fs::write(folder.path().join("gateway.yaml"), &entry)?;
        folder.bytes += entry.len();
        for (file, text) in files(&folder.services).enumerate() {
            std::fs::write(folder.file(file), &text)?;
            folder.bytes += text.len();
        }
        Ok(folder)
    }

    /// The path that the proxy follows.
    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("config")
    }

    /// Room for other files.
    pub(crate) fn beside(&self) -> &Path {
        self.root.path()
    }

    /// Files of services.
    pub(crate) fn files(&self) -> usize {
        self.services.len().div_ceil(PER_FILE)
    }

    /// One of the services.
    pub(crate) fn service(&self, index: usize) -> &Service {
        &self.services[index]
    }

    /// Changes a service and replaces its file, as an editor does; returns when that happened.
    pub(crate) fn change(&mut self, index: usize, change: Change) -> anyhow::Result<Instant> {
        self.services[index].change = Some(change);
        let file = index / PER_FILE;
        let new = self.beside().join("new.yaml");
        let services = self.services.chunks(PER_FILE).nth(file).unwrap_or_default();
        std::fs::write(&new, text_of(services))?;
        let now = Instant::now();
        std::fs::rename(new, self.file(file))?;
        Ok(now)
    }

    fn file(&self, file: usize) -> PathBuf {
        self.path().join(format!("services-{file:04}.yaml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_replaces_one_file() {
        let mut folder = Folder::write(120, &[60], [SocketAddr::from(([127, 0, 0, 1], 1)); 2]).unwrap();
        let read = |folder: &Folder| -> Vec<String> {
            (0..folder.files()).map(|file| std::fs::read_to_string(folder.file(file)).unwrap()).collect()
        };
        let before = read(&folder);
        assert_eq!(before.len(), 3);
        assert_eq!(before.iter().map(String::len).sum::<usize>() + gateway().len(), folder.bytes);
        folder.change(60, Change::Weights).unwrap();
        let after = read(&folder);
        let changed: Vec<_> = (0..3).filter(|&file| before[file] != after[file]).collect();
        assert_eq!(changed, [1]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "nothing else stands in it");
    }
}
