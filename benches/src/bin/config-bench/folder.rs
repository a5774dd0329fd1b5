//! The folder that the proxy follows: files of 50 services, replaced one at a time.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use mesh_benches::process::scratch;
use tempfile::TempDir;

use crate::documents::{Change, Service, gateway};

/// Services in one file.
const PER_FILE: usize = 50;

/// The port of endpoints that no request reaches.
const UNUSED_PORT: u16 = 8080;

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
        let mut services: Vec<Service> = (0..count).map(absent).collect();
        for &index in asked {
            services[index].endpoints = live;
        }
        let mut folder = Self { root, services, bytes: 0 };
        std::fs::create_dir(folder.path())?;
        let entry = gateway();
        std::fs::write(folder.path().join("gateway.yaml"), &entry)?;
        folder.bytes += entry.len();
        for file in 0..folder.files() {
            let text = folder.text(file);
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
        std::fs::write(&new, self.text(file))?;
        let now = Instant::now();
        std::fs::rename(new, self.file(file))?;
        Ok(now)
    }

    fn file(&self, file: usize) -> PathBuf {
        self.path().join(format!("services-{file:04}.yaml"))
    }

    fn text(&self, file: usize) -> String {
        let mut text = String::new();
        for service in self.services.iter().skip(file * PER_FILE).take(PER_FILE) {
            service.write(&mut text);
        }
        text
    }
}

/// A service with addresses of its own, which no request reaches.
fn absent(index: u32) -> Service {
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 1)) + 2 * index;
    let endpoints = [first, first + 1].map(|ip| SocketAddr::from((Ipv4Addr::from(ip), UNUSED_PORT)));
    Service { index, endpoints, change: None }
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
