//! Runs one request through both proxies and compares the outcomes.
//!
//! A [`Pair`] is `mesh-proxy` and Envoy side by side, each before backends of its own. A [`Step`] is one request, with the
//! script that the backends follow for it. A [`Seen`] is the outcome at one proxy: the caller's response, the access log's
//! line and the backends' requests. [`Both`] compares the two.

mod backend;
mod both;
mod client;
mod fixture;
mod log;
mod pair;
mod raw;
mod seen;
mod servers;
mod step;

pub(crate) use backend::Backends;
pub(crate) use both::{Both, recorded};
pub(crate) use pair::{Pair, Side, executable};
pub(crate) use seen::Seen;
pub(crate) use step::{Step, get, post};

use std::time::Duration;

/// Longer than any step takes on a slow machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
