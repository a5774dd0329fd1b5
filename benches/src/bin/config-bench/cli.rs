//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;

/// Measures start, memory and changes of mesh-proxy as a gateway with more and more services.
#[derive(Debug, Parser)]
#[command(name = "config-bench", version)]
pub(crate) struct Options {
    /// Numbers of services; ratios are to the first.
    #[arg(long = "services", value_name = "N", value_delimiter = ',', default_values_t = [100, 1_000, 5_000],
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) sizes: Vec<u32>,
    /// Files that are changed, one after the other; at most one for each service.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) edits: u32,
    /// Starts of the proxy, of which the median counts; the last one is changed.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) starts: u16,
    /// Worker threads of the proxy; as many as it takes by itself unless set.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,
    /// Writes all figures here.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Fails when an aim is missed.
    #[arg(long)]
    pub(crate) strict: bool,
    /// The mesh-proxy executable; by default it is built from this workspace.
    #[arg(long, value_name = "FILE", env = "MESH_BENCH_PROXY")]
    pub(crate) proxy: Option<PathBuf>,
}
