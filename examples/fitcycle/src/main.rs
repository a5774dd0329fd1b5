//! fitcycle: a small application made of several services, as an example of what runs behind the mesh.
//!
//! One executable plays every part. Each service is a process of its own, started from this same file with a subcommand.
//!
//! | module | part |
//! |---|---|
//! | [`model`] | what a sign-up is |
//! | [`store`] | where sign-ups are kept: SQLite, or MySQL and MariaDB |
//! | [`api`] | api-server v1 and v2: the JSON API |
//! | [`web`], [`mobile`], [`report`] | the services that call the API; [`front`] is what they share |
//! | [`upstream`] | the seam through which they call it |
//! | [`serve`] | how every service listens, announces itself and drains |

mod api;
mod cli;
mod front;
mod mobile;
mod model;
mod report;
mod serve;
mod store;
mod upstream;
mod web;

use clap::Parser;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    cli::Cli::parse().run().await
}
