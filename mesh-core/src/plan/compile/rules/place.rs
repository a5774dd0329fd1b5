//! A place that rules are compiled for, and what a VirtualService has there.

use std::sync::Arc;

use crate::route::Route;

/// The routes of a VirtualService at one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    pub(crate) routes: Vec<Arc<Route>>,
    /// Whether a destination does not exist, or a rule could not be made (Y-12).
    pub(crate) lost: bool,
    /// Whether a rule for here was dropped: its requests are not those of others (VA-8).
    pub(crate) dropped: bool,
}

impl Routes {
    /// Whether there is a rule for here, or was to be one (VS-5).
    pub(crate) fn apply(&self) -> bool {
        self.lost || self.dropped || !self.routes.is_empty()
    }
}

/// The place that rules are compiled for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// `namespace/name` of a Gateway; `None` for sidecars and library clients.
    pub(crate) gateway: Option<&'a str>,
    pub(crate) port: u16,
}
