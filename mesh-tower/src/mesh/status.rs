//! The state of the configuration.

use mesh_core::analysis::Diagnostics;

/// The outcome of the latest update.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The generation in force.
    pub generation: u64,
    /// Findings about the latest configuration, in force or not.
    pub diagnostics: Diagnostics,
    /// Resources, as `Kind namespace/name`, whose last good version stays in force.
    pub stale_resources: Vec<String>,
    /// Hosts that keep earlier rules because their new ones are broken.
    pub stale_hosts: Vec<String>,
    /// Why the latest configuration is not in force as a whole, if it is not.
    pub rejected: Option<String>,
    /// The state of the source.
    pub source: SourceState,
}

/// The state of the source of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceState {
    /// The mesh waits for the next update.
    #[default]
    Following,
    /// It failed, for the reason in [`Status::rejected`]; the mesh asks again.
    Failing,
    /// It has ended: there will be no other update.
    Ended,
}

impl SourceState {
    /// Its name on the admin pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Following => "following",
            Self::Failing => "failing",
            Self::Ended => "ended",
        }
    }
}
