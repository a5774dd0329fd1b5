//! How the commands show and keep their figures.

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

/// Share of the machine taken by others from which the figures are called noisy.
pub const NOISY: f64 = 0.2;

/// A figure with so many digits; a dash where there is none.
#[must_use]
pub fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// Writes figures as JSON.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(file: &Path, figures: &Value) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(figures)?;
    std::fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))
}
