//! Why a mesh did not start.

use std::fmt;

use mesh_core::analysis::Diagnostics;

/// Why a mesh did not start. Displays every finding, each with its place and what would be right.
#[derive(Debug)]
pub struct StartError {
    reason: String,
    diagnostics: Diagnostics,
}

impl StartError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), diagnostics: Diagnostics::new() }
    }

    pub(super) fn with(reason: impl Into<String>, diagnostics: Diagnostics) -> Self {
        Self { reason: reason.into(), diagnostics }
    }

    /// What was found in the configuration.
    #[must_use]
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the mesh does not start: {}", self.reason)?;
        for finding in self.diagnostics.iter() {
            write!(f, "\n{finding:#}")?;
        }
        Ok(())
    }
}

impl std::error::Error for StartError {}
