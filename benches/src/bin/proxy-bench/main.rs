//! Starts proxies beside each other on one backend and prints the cost of a request in each of them.
//!
//! The figure that matters for a proxy is the processor time that it takes from the application beside it. So the figure
//! compared is user plus system time of the proxy's process over the requests it served, as a ratio to each of Envoy,
//! HAProxy and a bare hyper relay doing the same in the same run. A ratio to one of them alone moves with the machine.
//! Throughput and latency of a closed loop on a shared machine are printed for information only.
//!
//! ```text
//! load ──> proxy ──> backend      three processes; the proxy has one worker, all talk over loopback
//!   └─ checks every answer          peers take turns (A B C, A B C, …), the median of the rounds counts
//! ```
//!
//! The backend, the load generator and the floor are this executable again, under hidden subcommands.
#![allow(clippy::print_stdout, reason = "a command: the table is its output")]

mod access_log;
mod backend;
mod cli;
mod figures;
mod floor;
mod idle;
mod load;
mod name;
mod peer;
mod report;
mod rounds;
mod scenario;

use std::process::ExitCode;

use clap::Parser as _;
use mesh_benches::process;

use crate::cli::{Cli, Role};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match cli.role {
        None => runtime.block_on(process::until_interrupted(rounds::compare(cli.options))),
        Some(Role::Backend) => runtime.block_on(process::until_abandoned(backend::serve())),
        Some(Role::Floor(options)) => runtime.block_on(floor::serve(options)),
        Some(Role::Load(options)) => runtime.block_on(load::generate(options)),
        Some(Role::Idle(options)) => runtime.block_on(idle::hold(options)),
    }
}
