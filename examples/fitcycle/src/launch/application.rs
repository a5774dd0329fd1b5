//! Everything that runs: four kinds of services, the report-server's sidecar, the gateway in front.
//!
//! ```text
//!   users ──> gateway ──┬──> web-server ×2 ────┐ in process
//!                       ├──> mobile-server ×2 ─┤
//!                       ├──> sidecar ─> report-server ─> sidecar ─┐
//!                       └─────────────────────────────────────────┴──> api-server v1 ×2, v2 ×2 ──> database
//! ```
//! Started from the right to the left and stopped from the left to the right, so that no service calls one that is not
//! running.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::join_all;

use super::child::{Child, Order};
use super::fleet::{Fleet, Start};
use super::folder::Folder;
use super::instance::{API_V1, API_V2, MOBILE, REPORT, Role, WEB};
use super::load;
use super::options::LaunchArgs;
use super::ports::{Ports, Reserved};
use super::scrape::{self, Deeds};
use crate::api::DATABASE;
use crate::store::Location;
use crate::upstream::SIGNUPS;

/// Subcommand that is the proxy.
pub(crate) const PROXY: &str = "mesh-proxy";
/// Instances of each service, and of each version of the API.
const INSTANCES: usize = 2;
/// How long the whole may take from the last start to the first page.
const READY: Duration = Duration::from_secs(20);
/// How long an edit may take until it is in force everywhere.
const IN_FORCE: Duration = Duration::from_secs(10);

/// The running application.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) fleet: Fleet,
    pub(super) database: Location,
    gateway: Child,
    sidecar: Child,
    client: reqwest::Client,
}

impl Application {
    /// Starts everything and waits until every service answers through the gateway.
    pub(super) async fn start(args: &LaunchArgs, scratch: &Path) -> anyhow::Result<Self> {
        let logs = scratch.join("logs");
        std::fs::create_dir(&logs).with_context(|| format!("creating {}", logs.display()))?;
        let manifests = std::path::absolute(&args.mesh).context("finding the manifests")?;
        let folder = Folder::create(scratch.join("mesh"), manifests)?;
        let database = args.database.clone().unwrap_or_else(|| Location::Sqlite(scratch.join("prospect.db")));
        let mut ports =
            Ports::new(args.ports.iter().cloned().chain([("gateway".to_owned(), args.gateway_port)]));
        // The one that is started later, during the run.
        ports.address(&API_V1.pod(3));
        let mut fleet = Fleet::new(folder, logs, ports);

        for role in [API_V1, API_V2] {
            for _ in 0..INSTANCES {
                start_api(&mut fleet, role, &database).await?;
            }
        }
        for role in [WEB, MOBILE] {
            for _ in 0..INSTANCES {
                start_member(&mut fleet, role).await?;
            }
        }
        let sidecar = start_plain(&mut fleet).await?;
        let gateway = start_gateway(&mut fleet).await?;
        fleet.ports.check()?;
        let application = Self { fleet, database, gateway, sidecar, client: load::client()? };
        application.answers().await?;
        Ok(application)
    }

    /// Where everything is served: `http://127.0.0.1:port`.
    pub(super) fn gateway(&self) -> anyhow::Result<String> {
        Ok(format!("http://{}", self.gateway.address(GATEWAY_LISTENER)?))
    }

    /// One more instance of the API's first version, in place of one that is gone.
    pub(super) async fn replace(&mut self) -> anyhow::Result<String> {
        start_api(&mut self.fleet, API_V1, &self.database).await
    }

    /// Every member of the mesh, and the address of its metrics.
    pub(super) fn members(&self) -> anyhow::Result<BTreeMap<String, SocketAddr>> {
        let mut members = BTreeMap::new();
        for role in [WEB, MOBILE] {
            for pod in self.fleet.pods(role) {
                let address = self.fleet.address(&pod, "admin")?;
                members.insert(pod, address);
            }
        }
        for proxy in [&self.gateway, &self.sidecar] {
            members.insert(proxy.name.clone(), proxy.address("admin")?);
        }
        Ok(members)
    }

    /// The counts of each member so far.
    pub(super) async fn deeds(&self) -> anyhow::Result<BTreeMap<String, Deeds>> {
        let pages = self.metrics().await?;
        Ok(pages.into_iter().map(|(name, page)| (name, Deeds::read(&page))).collect())
    }

    /// The number of the plan that each member goes by.
    pub(super) async fn generations(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let pages = self.metrics().await?;
        Ok(pages.into_iter().map(|(name, page)| (name, scrape::generation(&page).unwrap_or(0))).collect())
    }

    /// Waits until every member goes by a later plan than `before`; gives the numbers, or `None` if some
    /// member stays behind.
    pub(super) async fn follow(
        &self,
        before: &BTreeMap<String, u64>,
    ) -> anyhow::Result<Option<BTreeMap<String, u64>>> {
        let began = Instant::now();
        while began.elapsed() < IN_FORCE {
            let now = self.generations().await?;
            if now.iter().all(|(name, number)| before.get(name).is_none_or(|earlier| number > earlier)) {
                return Ok(Some(now));
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(None)
    }

    /// An error if a process ended that was not killed.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        self.fleet.check()?;
        self.gateway.check()?;
        self.sidecar.check()
    }

    /// Drains and ends all processes; returns their number and the failures on the way.
    pub(super) async fn stop(self) -> (usize, Vec<String>) {
        let Self { mut fleet, gateway, sidecar, .. } = self;
        let fronts = [WEB, MOBILE, REPORT].into_iter().flat_map(|role| fleet.leave(role.service)).collect();
        let waves = [vec![gateway], fronts, vec![sidecar], fleet.leave(API_V1.service)];
        let (mut ended, mut problems) = (0, Vec::new());
        for wave in waves {
            for outcome in join_all(wave.into_iter().map(Child::stop)).await {
                ended += 1;
                problems.extend(outcome.err().map(|error| format!("{error:#}")));
            }
        }
        (ended, problems)
    }

    async fn metrics(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let pages = self.members()?.into_iter().map(async |(name, address)| {
            let response = self.client.get(format!("http://{address}/stats/prometheus")).send().await;
            let page = response?.error_for_status()?.text().await?;
            Ok::<_, reqwest::Error>((name, page))
        });
        let pages = join_all(pages).await.into_iter().collect::<Result<_, _>>();
        pages.context("asking the members of the mesh what they did")
    }

    async fn answers(&self) -> anyhow::Result<()> {
        let (gateway, began) = (self.gateway()?, Instant::now());
        for path in ["/", "/mobile", "/report", SIGNUPS] {
            loop {
                let outcome = self.client.get(format!("{gateway}{path}")).send().await;
                let last = match outcome {
                    Ok(response) if response.status().is_success() => break,
                    Ok(response) => {
                        format!("{} {}", response.status(), response.text().await.unwrap_or_default())
                    }
                    Err(error) => error.to_string(),
                };
                anyhow::ensure!(
                    began.elapsed() < READY,
                    "{path} does not answer through the gateway: {last}"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }
}

const GATEWAY_LISTENER: &str = "gateway|80";
const SIDECAR_INBOUND: &str = "inbound|5000";
const SIDECAR_OUTBOUND: &str = "outbound|15080";

async fn start_api(fleet: &mut Fleet, role: Role, database: &Location) -> anyhow::Result<String> {
    let arguments = ["--version", role.version].map(str::to_owned).into();
    let environment = vec![(DATABASE, database.to_string())];
    let pod = fleet.start(role, Start { arguments, environment, ..Start::default() }).await?;
    fleet.list(&pod, fleet.address(&pod, "http")?)?;
    Ok(pod)
}

/// A service that links the mesh.
async fn start_member(fleet: &mut Fleet, role: Role) -> anyhow::Result<()> {
    let admin = fleet.ports.address(&format!("{}-admin", fleet.next(role)));
    let workload = format!("default/Deployment/{}", role.workload());
    let folder = fleet.folder.path().display().to_string();
    let arguments = ["--mesh", &folder, "--workload", &workload, "--admin", &admin.to_string()];
    let arguments = arguments.map(str::to_owned).into();
    let pod = fleet.start(role, Start { arguments, announces: vec!["admin"], ..Start::default() }).await?;
    fleet.list(&pod, fleet.address(&pod, "http")?)
}

/// A service that knows nothing of the mesh, and the sidecar beside it. Each has to know where the other
/// listens, so the service's address is chosen first.
async fn start_plain(fleet: &mut Fleet) -> anyhow::Result<Child> {
    let pod = fleet.next(REPORT);
    let reserved = Reserved::new(fleet.ports.address(&pod))?;
    let mut port = |listener: &str| fleet.ports.address(&format!("{pod}-{listener}"));
    let (inbound, outbound, admin) = (port("inbound"), port("outbound"), port("admin"));
    let arguments = [
        ["--role".to_owned(), "sidecar".to_owned()],
        ["--workload".to_owned(), format!("default/Deployment/{}", REPORT.workload())],
        ["--bind".to_owned(), format!("{SIDECAR_INBOUND}={inbound}")],
        ["--bind".to_owned(), format!("{SIDECAR_OUTBOUND}={outbound}")],
        ["--app".to_owned(), format!("5000={}", reserved.address)],
    ];
    let name = format!("{pod}-sidecar");
    let order = proxy(fleet, name, arguments, admin, &[SIDECAR_INBOUND, SIDECAR_OUTBOUND]);
    let sidecar = fleet.child(order).await?;
    let environment = vec![("http_proxy", format!("http://{}", sidecar.address(SIDECAR_OUTBOUND)?))];
    let start = Start { listen: Some(reserved.address), environment, ..Start::default() };
    let pod = fleet.start(REPORT, start).await?;
    fleet.list(&pod, sidecar.address(SIDECAR_INBOUND)?)?;
    Ok(sidecar)
}

async fn start_gateway(fleet: &mut Fleet) -> anyhow::Result<Child> {
    let (address, admin) = (fleet.ports.address("gateway"), fleet.ports.address("gateway-admin"));
    let arguments = [
        ["--role".to_owned(), "gateway".to_owned()],
        ["--workload".to_owned(), "default/Deployment/istio-ingressgateway".to_owned()],
        ["--bind".to_owned(), format!("80={address}")],
    ];
    let order = proxy(fleet, "gateway".to_owned(), arguments, admin, &[GATEWAY_LISTENER]);
    fleet.child(order).await
}

/// How to start a proxy. Two workers, so that what they share is shared here too.
fn proxy<const N: usize>(
    fleet: &Fleet,
    name: String,
    arguments: [[String; 2]; N],
    admin: SocketAddr,
    listeners: &[&'static str],
) -> Order {
    let folder = fleet.folder.path().display().to_string();
    let common = [PROXY, "run", "--config", &folder, "--admin", &admin.to_string(), "--workers", "2"];
    let ending = ["--until-stdin-closes", "--termination-drain", "0s", "--drain-time", "10s"];
    Order {
        name,
        arguments: common
            .into_iter()
            .chain(ending)
            .map(str::to_owned)
            .chain(arguments.into_iter().flatten())
            .collect(),
        environment: vec![("MESH_LOG", "warn".to_owned())],
        announces: [listeners, &["admin"]].concat(),
    }
}
