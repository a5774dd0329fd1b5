//! Measures the cost of a growing configuration: the start of the shipped proxy, its memory, and a change in one file.
//!
//! ```text
//! files of 50 services ──> mesh-proxy (gateway) ──> two servers of ours, versions v1 and v2
//!   │  one file is replaced          ▲
//!   └────────────────────────────────┴── asks until the answer shows the change
//! ```
//!
//! Every figure stands beside the same figure at the smallest size: what a change costs should not grow with what
//! did not change. Processor time is user plus system time of the proxy's process, less what our own questions cost.
#![allow(clippy::print_stdout, reason = "a command: the table is its output")]

mod aims;
mod backend;
mod caller;
mod cli;
mod figures;
mod folder;
mod report;
mod run;

use std::process::ExitCode;

use clap::Parser as _;
use mesh_benches::process::until_interrupted;

fn main() -> ExitCode {
    let options = cli::Options::parse();
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(until_interrupted(run::all(options))));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
