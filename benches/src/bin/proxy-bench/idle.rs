//! Holds idle keep-alive connections, so that the parent can read the proxy's memory.

use mesh_benches::{measure, process};

use crate::cli::LoadOptions;
use crate::load;
use crate::load::client::{Client, Expected};

/// Descriptors that this process, or a proxy, needs besides the connections.
const SPARE_DESCRIPTORS: u64 = 200;

/// Phases: probe, `probed`, wait, one request on each of the connections, `held`, then hold until the parent closes.
pub(crate) async fn hold(options: LoadOptions) -> anyhow::Result<()> {
    let needed = options.requests + SPARE_DESCRIPTORS;
    let allowed = measure::descriptor_limit()?;
    anyhow::ensure!(allowed >= needed, "needs {needed} open files, the limit is {allowed} (see ulimit -n)");
    let expected = Expected::of(options.scenario);
    let probe = load::probe(&options, &expected).await?;
    process::announce("probed")?;
    process::wait_for_go().await?;
    let mut clients = vec![probe];
    for _ in 0..options.requests {
        let mut client = Client::connect(options.target, options.scenario).await?;
        client.ask(&expected).await?;
        clients.push(client);
    }
    process::announce("held")?;
    process::wait_for_go().await?;
    drop(clients);
    Ok(())
}
