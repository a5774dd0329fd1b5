//! The proxies that are compared, each behind the same small interface.
//!
//! Every peer gets one worker and the same orders, said in its own language: one listener, one backend, and
//! in the mesh scenarios a JSON access log with the fields of Istio's default format, a request id, two
//! retries, a limit of requests and ejection after five errors in a row.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mesh_benches::process::Process;

use crate::cli::Options;
use crate::name::Name;
use crate::scenario::Scenario;

mod envoy;
mod floor;
mod haproxy;
mod ours;

/// Where one run of a proxy takes place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The scenario.
    pub(crate) scenario: Scenario,
    /// Where it accepts.
    pub(crate) listen: SocketAddr,
    /// Where it passes on to.
    pub(crate) backend: SocketAddr,
    /// A folder of its own, for configuration and logs.
    pub(crate) folder: &'a Path,
}

/// A proxy that is present on this machine.
pub(crate) trait Peer {
    /// The version that it says it is.
    fn version(&self) -> String;

    /// Whether it has the mesh features; one without is measured beside the others as it is.
    fn has_features(&self) -> bool {
        true
    }

    /// Writes its configuration and starts it.
    fn start(&self, place: &Place<'_>) -> anyhow::Result<Process>;

    /// The file in which a run's access log ends up.
    fn access_log(&self, place: &Place<'_>) -> PathBuf {
        place.folder.join("access.json")
    }
}

/// Looks for a proxy; the error says why it is absent.
pub(crate) async fn find(name: Name, options: &Options) -> anyhow::Result<Box<dyn Peer>> {
    Ok(match name {
        Name::Ours => Box::new(ours::Ours::find(options).await?),
        Name::Envoy => Box::new(envoy::Envoy::find(options).await?),
        Name::Haproxy => Box::new(haproxy::Haproxy::find().await?),
        Name::Hyper => Box::new(floor::Floor),
    })
}
