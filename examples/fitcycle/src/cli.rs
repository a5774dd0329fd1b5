//! The command line.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::api::{self, ApiArgs};
use crate::launch::{self, LaunchArgs};
use crate::role::{self, FrontArgs, Kind};

/// The fitcycle application behind the mesh: every service and proxy a process of its own, a live load, and
/// an account of what the mesh did.
#[derive(Debug, Parser)]
#[command(name = "fitcycle", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    launch: LaunchArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Service(Service),
    /// The proxy, as the executable of that name.
    #[command(name = launch::PROXY, hide = true, disable_help_flag = true)]
    Proxy {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[derive(Debug, Subcommand)]
enum Service {
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
    pub(crate) fn run(self) -> ExitCode {
        match self.command {
            // The proxy logs, and makes its threads, in its own way.
            Some(Command::Proxy { arguments }) => {
                mesh_proxy::run([launch::PROXY.into()].into_iter().chain(arguments))
            }
            Some(Command::Service(service)) => report(asynchronously(service.run())),
            None => report(asynchronously(launch::run(self.launch))),
        }
    }
}

impl Service {
    async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Web(args) => role::run(Kind::Web, args).await,
            Self::Api(args) => api::run(args).await,
            Self::Mobile(args) => role::run(Kind::Mobile, args).await,
            Self::Report(args) => role::run(Kind::Report, args).await,
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

fn asynchronously(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let outcome = runtime.block_on(work);
    // A task that still waits for the end of standard input would wait for ever.
    runtime.shutdown_background();
    outcome
}

fn report(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        // Nothing is left to do about a standard error that is closed.
        let _ = writeln!(std::io::stderr(), "fitcycle: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_service_it_is_the_launcher() {
        let cli = Cli::try_parse_from(["fitcycle", "--duration", "20s", "--gateway-port", "8080"]).unwrap();
        assert!(cli.command.is_none());
        let cli = Cli::try_parse_from(["fitcycle", "mesh-proxy", "run", "--config", "x"]).unwrap();
        let Some(Command::Proxy { arguments }) = cli.command else { panic!("no proxy") };
        assert_eq!(arguments, ["run", "--config", "x"]);
    }
}
