//! Runs one request through both proxies and compares what came of it.
//!
//! A [`Pair`] is `mesh-proxy` and Envoy side by side, each before backends of its own. A [`Step`] is one
//! request, with the script that the backends are to follow for it. What the caller got, what the access
//! log says and what the backends received is one [`Seen`] for each proxy; [`Both`] compares them.

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

/// Longer than anything here takes on a slow machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
