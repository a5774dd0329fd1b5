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
    #[command(hide = true)]
    WebServer(FrontArgs),
    /// The JSON API.
    #[command(hide = true)]
    ApiServer(ApiArgs),
    /// The API for phones.
    #[command(hide = true)]
    MobileServer(FrontArgs),
    /// A service that knows nothing of the mesh.
    #[command(hide = true)]
    ReportServer(FrontArgs),
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::WebServer(args) => front::run(Kind::Web, args).await,
            Command::ApiServer(args) => api::run(args).await,
            Command::MobileServer(args) => front::run(Kind::Mobile, args).await,
            Command::ReportServer(args) => front::run(Kind::Report, args).await,
        }
    }
}
