//! The state of one runtime thread: connections and balancer cursors, seen through the plan in force.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::StatusCode;
use mesh_core::endpoint::ClusterId;
use mesh_core::fault::FaultPolicy;
use mesh_core::hash::WordHash;
use mesh_core::plan::{ClusterPlan, Discovery, OutboundMode, Plan};
use mesh_core::route::{Action, DirectResponse, Fallback, Forward, Matcher, Route};

use crate::body::replay::ReplayBudget;
use crate::clock::{FastRng, SharedRng};
use crate::upstream::live::Live;
use crate::upstream::pool::{ClusterPool, Passthrough, SWEEP_INTERVAL};
use crate::upstream::state::{Authorities, Cluster};
use crate::upstream::transport::{ClientTls, Connect};

/// A worker: in the proxy one for each core, in the library one.
///
/// Shared by the clones of the stacks made for it. Its sweep of idle connections runs on the
/// runtime that it was started on.
#[derive(Debug)]
pub struct Worker {
    view: ArcSwap<View>,
    parts: Arc<WorkerParts>,
    replay: ReplayBudget,
}

/// The plan in force as one worker sees it; a request keeps the one it began with.
#[derive(Debug)]
pub(crate) struct View {
    live: Arc<Live>,
    /// Made when first used; a cluster that did not change keeps its pool over a reload.
    pools: Box<[OnceLock<Arc<ClusterPool>>]>,
    parts: Arc<WorkerParts>,
    allow_any: Arc<Route>,
}

/// The route and cluster in the record of a request to an unknown host, under `REGISTRY_ONLY` (H-8).
#[derive(Debug)]
pub(crate) struct BlackHole {
    pub(crate) route: Arc<Route>,
    pub(crate) cluster: Arc<ClusterPlan>,
}

/// Faults of attempts by service, for tests (FI-10).
pub(crate) type AttemptFaults = HashMap<String, FaultPolicy>;

/// The parts of a worker that all its views share.
#[derive(Debug)]
struct WorkerParts {
    connector: Arc<dyn Connect>,
    rng: SharedRng,
    passthrough: Passthrough,
    black_hole: BlackHole,
    attempt_faults: Arc<AttemptFaults>,
    /// Of this and its name each cluster gets its own: which one is used first must not matter (OU-1).
    seed: u64,
}

impl Worker {
    pub(crate) fn start(
        live: Arc<Live>,
        connector: Arc<dyn Connect>,
        rng: SharedRng,
        replay: ReplayBudget,
        attempt_faults: Arc<AttemptFaults>,
        authorities: Arc<Authorities>,
    ) -> Arc<Self> {
        let seed = rng.draw(mesh_core::rng::Rng::next_u64);
        let passthrough = Passthrough::new(connector.clone(), authorities, seed);
        let black_hole = BlackHole::new();
        let parts = Arc::new(WorkerParts { connector, rng, passthrough, black_hole, attempt_faults, seed });
        let pools = live.clusters().iter().map(|_| OnceLock::new()).collect();
        let view = View::new(live, pools, parts.clone());
        let worker = Arc::new(Self { view: ArcSwap::from_pointee(view), parts, replay });
        let owner = Arc::downgrade(&worker);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_INTERVAL).await;
                match owner.upgrade() {
                    Some(worker) => worker.view().sweep(),
                    None => return,
                }
            }
        });
        worker
    }

    /// Takes a new plan; requests under way keep theirs.
    pub(crate) fn follow(&self, live: Arc<Live>) {
        let before = self.view();
        let used = LazyCell::new(|| -> HashMap<*const Cluster, &Arc<ClusterPool>> {
            let pools = before.pools.iter().filter_map(OnceLock::get);
            pools.map(|pool| (Arc::as_ptr(pool.cluster()), pool)).collect()
        });
        let keep = |(place, cluster): (usize, &Arc<Cluster>)| {
            // Mostly a cluster that stays has its place, too.
            let stayed = before.live.clusters().get(place).is_some_and(|known| Arc::ptr_eq(known, cluster));
            let pool =
                if stayed { before.pools[place].get() } else { used.get(&Arc::as_ptr(cluster)).copied() };
            pool.map_or_else(OnceLock::new, |pool| OnceLock::from(Arc::clone(pool)))
        };
        let pools = live.clusters().iter().enumerate().map(keep).collect();
        self.view.store(Arc::new(View::new(live, pools, self.parts.clone())));
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Where this worker's requests draw from (OU-1).
    #[must_use]
    pub fn rng(&self) -> &SharedRng {
        &self.parts.rng
    }

    /// The cap on request bodies that are kept for retries; shared by all workers of a mesh.
    #[must_use]
    pub const fn replay(&self) -> &ReplayBudget {
        &self.replay
    }

    /// The connector that opens this worker's connections.
    #[must_use]
    pub fn connector(&self) -> &Arc<dyn Connect> {
        &self.parts.connector
    }
}

impl View {
    fn new(live: Arc<Live>, pools: Box<[OnceLock<Arc<ClusterPool>>]>, parts: Arc<WorkerParts>) -> Self {
        let allow_any = Arc::new(allow_any(live.plan()));
        Self { live, pools, parts, allow_any }
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        self.live.plan()
    }

    /// The fallback where no table exists for the port (H-8).
    pub(crate) fn unknown_port(&self) -> Fallback {
        match self.plan().settings.outbound_mode {
            OutboundMode::AllowAny => Fallback::Passthrough,
            OutboundMode::RegistryOnly => Fallback::BlackHole,
        }
    }

    pub(crate) fn allow_any(&self) -> &Arc<Route> {
        &self.allow_any
    }

    pub(crate) fn black_hole(&self) -> &BlackHole {
        &self.parts.black_hole
    }

    pub(crate) fn rng(&self) -> &SharedRng {
        &self.parts.rng
    }

    pub(crate) fn attempt_faults(&self) -> &AttemptFaults {
        &self.parts.attempt_faults
    }

    pub(crate) fn passthrough(&self) -> &Passthrough {
        &self.parts.passthrough
    }

    /// The cluster's policy, if it has no endpoints of its own: the request's authority is dialled.
    pub(crate) fn dials_authority(&self, id: ClusterId) -> Option<&Arc<ClusterPlan>> {
        let node = self.plan().cluster(id)?;
        (node.discovery == Discovery::Authority).then_some(&node.policy)
    }

    pub(crate) fn pool(&self, id: ClusterId) -> Option<&Arc<ClusterPool>> {
        let slot = self.pools.get(id.index()?)?;
        if let Some(pool) = slot.get() {
            return Some(pool);
        }
        let cluster = self.live.cluster(id)?.clone();
        Some(slot.get_or_init(|| self.parts.pool(cluster)))
    }

    fn sweep(&self) {
        for pool in self.pools.iter().filter_map(OnceLock::get) {
            pool.sweep();
        }
        self.parts.passthrough.sweep();
    }
}

/// The route of unknown hosts (H-8, SC-4).
fn allow_any(plan: &Plan) -> Route {
    let action = match plan.egress_proxy {
        Some(proxy) => Action::Forward(Forward::to(proxy)),
        None => Action::Passthrough,
    };
    Route::new("allow_any".into(), Matcher::default(), action)
}

impl BlackHole {
    fn new() -> Self {
        let answer = DirectResponse { status: StatusCode::BAD_GATEWAY, body: Bytes::new() };
        let route = Route::new("block_all".into(), Matcher::default(), Action::DirectResponse(answer));
        Self { route: Arc::new(route), cluster: Arc::new(ClusterPlan::black_hole()) }
    }
}

impl WorkerParts {
    fn pool(&self, cluster: Arc<Cluster>) -> Arc<ClusterPool> {
        let plan = cluster.plan();
        let tls = plan.tls.as_ref().map(|tls| ClientTls::new(tls, &plan.service.host));
        let rng = FastRng::seeded(WordHash::default().hash_one((self.seed, &*plan.name)));
        Arc::new(ClusterPool::new(cluster, self.connector.clone(), tls, rng))
    }
}
