//! How every service of fitcycle starts and ends.
//!
//! A service binds port 0 if asked to, says on one line of its standard output which address it really got,
//! and drains when it is asked to stop: by SIGTERM, by ctrl-c, or (under the launcher) by the end of its
//! standard input. The last one holds even when the launcher is killed: the kernel closes the pipe, so no
//! service outlives it.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use clap::Args;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long open requests may take to finish once a stop was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// Arguments of every service.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Name of this instance, as its pod would be called.
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Stop when standard input ends, as it does when the launcher is gone.
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
}

impl ServeArgs {
    /// The given name, or one that is unique on this machine.
    pub(crate) fn instance_or(&self, service: &str) -> String {
        self.instance.clone().unwrap_or_else(|| format!("{service}-{}", std::process::id()))
    }
}

/// Serves `router` until a stop is asked for, then lets open requests finish.
pub(crate) async fn run(args: &ServeArgs, router: Router) -> anyhow::Result<()> {
    let listener = bind(args.listen).await?;
    // Watched before the address is printed: its reader may ask for a stop at once.
    let stop = stop_requested(args.until_stdin_closes)?;
    announce("http", listener.local_addr()?)?;

    let draining = stop.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(draining.cancelled_owned());
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        outcome = server => outcome.context("serving"),
        () = overdue => anyhow::bail!("requests were still open {DRAIN:?} after the stop was asked for"),
    }
}

/// Binds, or says which address could not be had.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Prints `listening <name> <address>`, the line that the launcher waits for.
pub(crate) fn announce(name: &str, address: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening {name} {address}").and_then(|()| out.flush()).context("announcing the address")
}

/// A token that is cancelled when this process is asked to end.
pub(crate) fn stop_requested(until_stdin_closes: bool) -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("watching for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watching for ctrl-c")?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = end_of_stdin(), if until_stdin_closes => {}
        }
        stop.cancel();
    });
    Ok(token)
}

async fn end_of_stdin() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 64];
    while stdin.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
