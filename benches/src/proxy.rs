//! `mesh-proxy` as it is shipped, for benches that measure the executable.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::process::Command;

use crate::process::complete;

/// A cold release build on a small machine.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// The executable that was named, or else one that is built from this workspace.
///
/// # Errors
/// If it cannot be built.
pub async fn executable(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    match named {
        Some(program) => Ok(program.to_owned()),
        None => build().await,
    }
}

/// Builds the executable as it is shipped (as a debug build, if this is one), and asks cargo where it lies.
async fn build() -> anyhow::Result<PathBuf> {
    let cargo =
        std::env::var_os("CARGO").context("started without cargo: --proxy must name the executable")?;
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--package",
        "mesh-proxy-bin",
        "--bin",
        "mesh-proxy",
        "--message-format=json-render-diagnostics",
    ]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")]);
    if !cfg!(debug_assertions) {
        // The other peers are the executables that their projects ship, too.
        command.args(["--profile", "dist"]);
    }
    let output = complete(command, BUILD_LIMIT).await?;
    let executable = String::from_utf8(output)?.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let named = message["target"]["name"] == "mesh-proxy";
        message["executable"].as_str().filter(|_| named).map(PathBuf::from)
    });
    executable.context("cargo built no executable")
}
