use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh_core::balance::{LocalityPolicy, LocalityRule, WarmUp};
use mesh_core::endpoint::Endpoint;
use mesh_core::error::Origin;
use mesh_core::health::{Finding, HealthPolicy, Probe};
use mesh_core::identity::Locality;
use mesh_core::outcome::{Outcome, Reset};
use mesh_core::outlier::OutlierPolicy;
use mesh_core::plan::{ClusterKey, ClusterPlan, ServiceIdentity, UpstreamProtocol};
use mesh_core::text_map::TextMap;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::Cluster;
use crate::clock::FastRng;
use crate::upstream::pool::ClusterPool;
use crate::upstream::transport::SocketConnector;

/// Gauges by name.
#[derive(Default)]
struct Gauges(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Gauges {
    fn value(&self, name: &str) -> f64 {
        f64::from_bits(self.0.lock().unwrap()[name].load(Ordering::Relaxed))
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.0.lock().unwrap().entry(key.name().to_owned()).or_default().clone())
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

pub(crate) fn plan() -> ClusterPlan {
    let rule = LocalityRule::Failover { labels: Vec::new(), distance: true, region: None };
    ClusterPlan {
        protocol: UpstreamProtocol::Http1,
        locality: Some(
            LocalityPolicy { from: Locality::parse("eu"), rule, origin: Origin::default() }.into(),
        ),
        health: Some(
            HealthPolicy {
                healthy_threshold: 1,
                ..HealthPolicy::new(Probe::Tcp { send: Vec::new(), receive: Vec::new() })
            }
            .into(),
        ),
        outlier: Some(
            OutlierPolicy { consecutive_5xx: 1, max_ejection_percent: 100, ..OutlierPolicy::default() }
                .into(),
        ),
        ..ClusterPlan::new(ClusterKey::outbound("api", 80, ""), ServiceIdentity::default(), 80)
    }
}

fn cluster(plan: ClusterPlan) -> Cluster {
    let endpoint = |(index, region): (u8, &str)| {
        let address = std::net::SocketAddr::from(([10, 0, 0, index], 80));
        Arc::new(Endpoint { locality: Locality::parse(region), ..Endpoint::new(address) })
    };
    let endpoints: Vec<_> = [(1, "eu"), (2, "eu"), (3, "us")].into_iter().map(endpoint).collect();
    let cluster = Cluster::new(Arc::new(plan), &endpoints, false);
    (0..3).for_each(|index| answers(&cluster, index, true));
    cluster
}

fn loads(cluster: &Cluster) -> Vec<u32> {
    cluster.hosts().set().priorities.iter().map(|priority| priority.load).collect()
}

/// An answer to a health check.
fn answers(cluster: &Cluster, index: usize, well: bool) {
    let finding = if well { Finding::Pass } else { Finding::Denied };
    cluster.checked(&cluster.hosts().list()[index], finding, "told to");
}

fn ejects(cluster: &Cluster, index: usize) {
    let hosts = cluster.hosts();
    cluster.record(&hosts.list()[index], &Outcome::Reset { reset: Reset::ConnectFailure, written: false });
}

#[tokio::test(start_paused = true)]
async fn lb_13_health_checks_and_ejections_both_move_load() {
    let cluster = cluster(plan());
    assert_eq!(loads(&cluster), [100, 0]);
    answers(&cluster, 0, false);
    assert_eq!(loads(&cluster), [70, 30]);
    ejects(&cluster, 1);
    assert_eq!(loads(&cluster), [0, 100]);
    answers(&cluster, 0, true);
    assert_eq!(loads(&cluster), [70, 30]);
}

/// An endpoint that was not checked yet counts as neither well nor ill: new endpoints move no load before their check.
#[tokio::test(start_paused = true)]
async fn lb_13_endpoints_that_come_wait_for_their_first_check() {
    let cluster = cluster(plan());
    let known = cluster.hosts().list().iter().map(|host| host.endpoint().clone()).collect::<Vec<_>>();
    let new = (10..30).map(|index| {
        let address = std::net::SocketAddr::from(([10, 0, 0, index], 80));
        Arc::new(Endpoint { locality: Locality::parse("eu"), ..Endpoint::new(address) })
    });
    cluster.update_endpoints(&known.into_iter().chain(new).collect::<Vec<_>>());
    assert_eq!(loads(&cluster), [100, 0]);
    let usable = |cluster: &Cluster| cluster.hosts().set().priorities[0].groups[0].usable.len();
    assert_eq!((usable(&cluster), cluster.hosts().set().members()), (2, 23));
    answers(&cluster, 5, true);
    assert_eq!((loads(&cluster), usable(&cluster)), (vec![100, 0], 3));
    // One of four that were asked is ill: 140 · 3/4 carries all; two of five are not: 84 %.
    answers(&cluster, 6, false);
    assert_eq!((loads(&cluster), usable(&cluster)), (vec![100, 0], 3));
    answers(&cluster, 7, false);
    assert_eq!((loads(&cluster), usable(&cluster)), (vec![84, 16], 3));
}

/// Connections belong to the endpoint, whatever other facts about it change.
#[tokio::test(start_paused = true)]
async fn lb_17_what_is_said_of_an_endpoint_changes_and_its_connections_stay() {
    let known = Endpoint::new(std::net::SocketAddr::from(([10, 0, 0, 1], 80)));
    let other = Endpoint::new(std::net::SocketAddr::from(([10, 0, 0, 2], 80)));
    let is_its = |said: Endpoint| {
        let update = [Arc::new(said), Arc::new(other.clone())];
        let before = [Arc::new(known.clone()), update[1].clone()];
        let plan = ClusterPlan { locality: None, health: None, ..plan() };
        let cluster = Arc::new(Cluster::new(Arc::new(plan), &before, false));
        let pool =
            ClusterPool::new(cluster.clone(), Arc::new(SocketConnector::default()), None, FastRng::seeded(1));
        let both = || [(); 2].map(|()| pool.pick(None, &[], 0, None).unwrap().endpoint);
        let first = both();
        cluster.update_endpoints(&update);
        let same = both().iter().filter(|one| first.iter().any(|other| Arc::ptr_eq(one, other))).count();
        assert!(both().iter().any(|endpoint| *endpoint.target() == *update[0]), "as it is known now");
        same == 2
    };
    let labels = TextMap::from([("version".to_owned(), "v2".to_owned())]);
    assert!(is_its(Endpoint { labels: Arc::new(labels), ..known.clone() }));
    assert!(is_its(Endpoint { weight: 7, ..known.clone() }));
    assert!(is_its(Endpoint { locality: Locality::parse("eu"), ..known.clone() }));
    assert!(!is_its(Endpoint { identity: Some("spiffe://td/ns/a/sa/b".into()), ..known.clone() }));
}

#[tokio::test(start_paused = true)]
async fn hc_2_a_successful_check_ends_an_ejection() {
    let cluster = cluster(plan());
    ejects(&cluster, 0);
    assert!(cluster.hosts().list()[0].is_ejected());
    let generation = cluster.hosts().set().generation;
    answers(&cluster, 0, true);
    assert!(cluster.hosts().list()[0].is_healthy());
    assert_eq!(loads(&cluster), [100, 0]);
    answers(&cluster, 0, true);
    assert_eq!(cluster.hosts().set().generation, generation + 1, "no news, no new set");
}

#[tokio::test(start_paused = true)]
async fn lb_15_who_is_well_again_by_its_checks_warms_up() {
    let plan = ClusterPlan { warm_up: Some(WarmUp::new(Duration::from_secs(60))), ..plan() };
    let cluster = cluster(plan);
    tokio::time::advance(Duration::from_secs(100)).await;
    answers(&cluster, 0, false);
    assert_eq!(cluster.hosts().set().warm_at, None);
    answers(&cluster, 0, true);
    let warm = cluster.hosts().set().warm_at.unwrap();
    assert_eq!(warm.saturating_duration_since(crate::clock::now()), Duration::from_secs(60));
    ejects(&cluster, 1);
    cluster.tick();
    assert_eq!(cluster.hosts().set().warm_at, Some(warm), "an ejection starts nothing");
}

#[tokio::test(start_paused = true)]
async fn me_7_membership_counts_who_is_in_service() {
    let gauges = Gauges::default();
    let cluster = cluster(plan());
    answers(&cluster, 0, false);
    ejects(&cluster, 2);
    metrics::with_local_recorder(&gauges, || cluster.publish());
    let values = ["total", "healthy"].map(|name| gauges.value(&format!("envoy_cluster_membership_{name}")));
    assert_eq!(values, [3.0, 1.0]);
}

#[tokio::test(start_paused = true)]
async fn me_7_a_cluster_that_no_request_has_used_shows_membership_alone() {
    let gauges = Gauges::default();
    let names = |cluster: &Cluster| {
        metrics::with_local_recorder(&gauges, || cluster.publish());
        std::mem::take(&mut *gauges.0.lock().unwrap()).into_keys().collect::<Vec<_>>()
    };
    let unused = cluster(ClusterPlan { health: None, ..plan() });
    assert_eq!(names(&unused), ["envoy_cluster_membership_healthy", "envoy_cluster_membership_total"]);
    let used = cluster(ClusterPlan { health: None, ..plan() });
    drop(used.try_request());
    used.stats().upstream_rq_total.increment(1);
    assert_eq!(names(&used).len(), 10);
    // Its rows go on when its policy changes.
    let next = cluster(ClusterPlan { health: None, panic_threshold: 1, ..plan() });
    next.inherit(&used);
    assert_eq!(names(&next).len(), 10);
}
