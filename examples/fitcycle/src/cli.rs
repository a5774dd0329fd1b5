//! The command line.

use clap::{Parser, Subcommand};

use crate::api::{self, ApiArgs};
use crate::front::{self, FrontArgs, Kind};

/// The fitcycle application.
#[derive(Debug, Parser)]
#[command(name = "fitcycle", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The pages for people.
    #[command(name = "web-server", hide = true)]
    Web(FrontArgs),
    /// The JSON API.
    #[command(name = "api-server", hide = true)]
    Api(ApiArgs),
    /// The API for phones.
    #[command(name = "mobile-server", hide = true)]
    Mobile(FrontArgs),
    /// A service that knows nothing of the mesh.
    #[command(name = "report-server", hide = true)]
    Report(FrontArgs),
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Web(args) => front::run(Kind::Web, args).await,
            Command::Api(args) => api::run(args).await,
            Command::Mobile(args) => front::run(Kind::Mobile, args).await,
            Command::Report(args) => front::run(Kind::Report, args).await,
        }
    }
}
