//! A verdict on one thing that a run is to show.

use std::fmt;

use serde::Serialize;

/// One thing that a run is to show.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    /// Nothing if the run ended before it could be shown.
    pub(super) passed: Option<bool>,
    pub(super) text: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.passed {
            Some(true) => "PASS",
            Some(false) => "FAIL",
            None => "SKIP",
        };
        write!(f, "{verdict}  {:<9} {}", self.name, self.text)
    }
}
