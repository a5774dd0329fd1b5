//! The load generator: a closed loop that checks every answer.
//!
//! A proxy that answers wrongly is fast, so each response's status, body and (for gRPC) trailers are compared with the
//! backend's known answer. A line from the parent begins each phase, so that processor time is read at their borders:
//!
//! ```text
//! probe until the proxy answers rightly ─> does it retry? ─> warm-up ─> "ready"
//!     ─> wait for "go" ─> measured requests ─> report as JSON
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use mesh_benches::process;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::cli::LoadOptions;
use crate::load::client::{Client, Expected};

pub(crate) mod client;

/// How long a proxy may take from its start to its first right answer.
const START_LIMIT: Duration = Duration::from_secs(20);
/// A proxy slower than this for one whole phase is not worth waiting for.
const PHASE_LIMIT: Duration = Duration::from_secs(300);

/// The measured phase, seen from outside.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Served {
    /// Right answers.
    pub(crate) requests: u64,
    /// Wall-clock time of the phase, in seconds.
    pub(crate) seconds: f64,
    /// Median latency, in microseconds.
    pub(crate) p50_us: u64,
    /// 99th percentile of latency, in microseconds.
    pub(crate) p99_us: u64,
}

/// Runs all phases; any wrong answer fails it.
pub(crate) async fn generate(options: LoadOptions) -> anyhow::Result<()> {
    let expected = Expected::of(options.scenario);
    let mut first = probe(&options, &expected).await?;
    if options.scenario.has_mesh_features() {
        let retried = Expected::retried(options.scenario);
        // Once may hit the turn that succeeds at once; twice in a row may not.
        for _ in 0..2 {
            first.ask(&retried).await.context("asked for what succeeds on the second try")?;
        }
    }
    let clients = connect(&options).await?;
    let (clients, _) = phase(clients, &expected, options.warm_up).await?;
    process::announce("ready")?;
    process::wait_for_go().await?;
    let begun = Instant::now();
    let (_clients, latency) = phase(clients, &expected, options.requests).await?;
    let served = Served {
        requests: latency.len(),
        seconds: begun.elapsed().as_secs_f64(),
        p50_us: latency.value_at_quantile(0.50),
        p99_us: latency.value_at_quantile(0.99),
    };
    process::announce(&serde_json::to_string(&served)?)
}

/// Asks until the proxy is up; returns the client that succeeded.
pub(crate) async fn probe(options: &LoadOptions, expected: &Expected) -> anyhow::Result<Client> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let attempt = async {
            let mut client = Client::connect(options.target, options.scenario).await?;
            client.ask(expected).await?;
            anyhow::Ok(client)
        };
        match tokio::time::timeout(Duration::from_secs(2), attempt).await.context("no answer").flatten() {
            Ok(client) => return Ok(client),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context(format!("no right answer within {START_LIMIT:?}")));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connect(options: &LoadOptions) -> anyhow::Result<Vec<Client>> {
    let (connections, streams) = options.scenario.concurrency();
    let mut clients = Vec::with_capacity(connections * streams);
    for _ in 0..connections {
        let client = Client::connect(options.target, options.scenario).await?;
        for _ in 1..streams {
            clients.push(client.another_stream().context("only HTTP/2 has several streams")?);
        }
        clients.push(client);
    }
    Ok(clients)
}

/// Sends `requests` in all, as fast as the answers come.
async fn phase(
    clients: Vec<Client>,
    expected: &Expected,
    requests: u64,
) -> anyhow::Result<(Vec<Client>, Histogram<u64>)> {
    let taken = Arc::new(AtomicU64::new(0));
    let mut loops = JoinSet::new();
    for mut client in clients {
        let (taken, expected) = (taken.clone(), expected.clone());
        loops.spawn(async move {
            let mut latency = new_histogram();
            while taken.fetch_add(1, Ordering::Relaxed) < requests {
                let asked = Instant::now();
                client.ask(&expected).await?;
                latency.saturating_record(u64::try_from(asked.elapsed().as_micros())?);
            }
            anyhow::Ok((client, latency))
        });
    }
    let gather = async {
        let (mut clients, mut latency) = (Vec::new(), new_histogram());
        while let Some(ended) = loops.join_next().await {
            let (client, part) = ended??;
            clients.push(client);
            latency.add(part)?;
        }
        anyhow::Ok((clients, latency))
    };
    tokio::time::timeout(PHASE_LIMIT, gather).await.with_context(|| format!("took over {PHASE_LIMIT:?}"))?
}

fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are valid")
}
