//! The launcher's command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::store::Location;

/// Runs the whole application behind the mesh, with a live load.
#[derive(Clone, Debug, Args)]
pub(crate) struct LaunchArgs {
    /// End by itself after this long, such as 20s or 2m; otherwise at ctrl-c.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) duration: Option<Duration>,
    /// Write the summary to FILE as JSON too.
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Requests per second; 0 sends none.
    #[arg(long, value_name = "NUMBER", default_value_t = 400)]
    pub(super) rate: u32,
    /// Where sign-ups are kept: a file for SQLite, or mysql://user:password@host:port/database. Otherwise in
    /// a file that is gone at the end.
    #[arg(long, value_name = "WHERE")]
    pub(super) database: Option<Location>,
    /// The folder of Istio YAML to run on; edits take effect while it runs.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/mesh"))]
    pub(super) mesh: PathBuf,
    /// Port of the gateway, which serves everything; a free one if not given.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(super) gateway_port: u16,
    /// Port of any other listener, such as web-server-1=8000 or gateway-admin=15000; can be given many times.
    #[arg(long = "port", value_name = "NAME=PORT", value_parser = named_port)]
    pub(super) ports: Vec<(String, u16)>,
    /// End with an error if a check of the summary fails; so it is with --duration in any case.
    #[arg(long)]
    pub(super) check: bool,
    /// End when standard input ends, as it does when the parent process is gone.
    #[arg(long)]
    pub(super) until_stdin_closes: bool,
    /// Draw the same requests again.
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
}

fn named_port(text: &str) -> anyhow::Result<(String, u16)> {
    let (name, port) = text.split_once('=').context("give it as NAME=PORT")?;
    Ok((name.to_owned(), port.parse().context("a port is a number up to 65535")?))
}

fn duration(text: &str) -> anyhow::Result<Duration> {
    let duration = mesh_core::api::duration::parse(text)?;
    if duration.is_zero() { bail!("it must be longer than nothing") } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_lasts_longer_than_nothing() {
        assert_eq!(duration("1m30s").unwrap(), Duration::from_secs(90));
        assert!(duration("0s").is_err() && duration("20").is_err());
    }

    #[test]
    fn ports_are_named() {
        assert_eq!(named_port("web-server-1=8000").unwrap(), ("web-server-1".to_owned(), 8000));
        assert!(named_port("8000").is_err() && named_port("a=70000").is_err());
    }
}
