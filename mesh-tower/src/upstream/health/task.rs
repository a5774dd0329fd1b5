//! When each endpoint of a cluster is checked.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use mesh_core::endpoint::Address;
use mesh_core::health::{Finding, HealthPolicy};
use metrics::{Counter, counter};

use super::MAX_RUNNING;
use super::probe::{Answer, Prober};
use crate::clock::{FastRng, SharedRng, now};
use crate::upstream::state::{Cluster, HealthCheckTrigger, Host, Hosts};
use crate::upstream::transport::Connect;

/// Asks the cluster's endpoints, if it has a policy for that, until it is gone.
pub(crate) fn follow(cluster: &Arc<Cluster>, connector: &Arc<dyn Connect>, rng: &SharedRng) {
    let (Some(policy), Some(trigger)) =
        (cluster.plan().health.as_deref().cloned(), cluster.health_check_trigger())
    else {
        return;
    };
    let prober = Arc::new(Prober::new(cluster.plan(), policy.clone(), connector.clone()));
    let rng = FastRng::seeded(rng.draw(mesh_core::rng::Rng::next_u64));
    let checks = HealthChecks {
        owner: Arc::downgrade(cluster),
        trigger: trigger.clone(),
        counts: Counts::new(&cluster.plan().name),
        was_used: false,
        policy,
        prober,
        rng,
        hosts: Arc::default(),
        members: HashMap::new(),
        due: BinaryHeap::new(),
        tickets: 0,
    };
    tokio::spawn(checks.run());
}

/// The checks of one cluster.
struct HealthChecks {
    owner: Weak<Cluster>,
    trigger: Arc<HealthCheckTrigger>,
    counts: Counts,
    was_used: bool,
    policy: HealthPolicy,
    prober: Arc<Prober>,
    rng: FastRng,
    /// The set that `members` was made from.
    hosts: Arc<Hosts>,
    members: HashMap<Address, Member>,
    /// By time. An entry with another ticket than its member belongs to an endpoint that has gone.
    due: BinaryHeap<Reverse<(Instant, u64, Address)>>,
    tickets: u64,
}

struct Member {
    host: Host,
    ticket: u64,
}

/// An answer, with the address and the ticket of the endpoint that gave it.
type Asked = (Address, u64, Answer);

impl HealthChecks {
    async fn run(mut self) {
        let mut running: FuturesUnordered<BoxFuture<'static, Asked>> = FuturesUnordered::new();
        loop {
            let Some(cluster) = self.owner.upgrade() else { return };
            self.follow_hosts(&cluster);
            drop(cluster);
            self.follow_use();
            while running.len() < MAX_RUNNING
                && let Some((address, ticket)) = self.pop_due()
            {
                self.counts.attempt.increment(1);
                let prober = self.prober.clone();
                running.push(Box::pin(async move {
                    let answer = prober.ask(&address).await;
                    (address, ticket, answer)
                }));
            }
            let next = self.due.peek().map(|Reverse((at, ..))| *at).filter(|_| running.len() < MAX_RUNNING);
            let wait = next.map_or(Duration::MAX, |at| at.saturating_duration_since(now()));
            tokio::select! {
                Some(asked) = running.next(), if !running.is_empty() => self.heard(asked),
                () = self.trigger.fired() => {}
                () = tokio::time::sleep(wait), if next.is_some() => {}
            }
        }
    }

    /// Takes the new set of endpoints; new ones are due after the initial jitter.
    fn follow_hosts(&mut self, cluster: &Cluster) {
        let hosts = cluster.hosts();
        if Arc::ptr_eq(&hosts, &self.hosts) {
            return;
        }
        let mut before = std::mem::take(&mut self.members);
        for host in hosts.list() {
            let address = host.endpoint().address.clone();
            let known = before.remove(&address).filter(|known| known.host.shares_state(host));
            let ticket = match known {
                Some(known) => known.ticket,
                None => {
                    self.tickets += 1;
                    let at = now() + self.policy.first_delay(&mut self.rng);
                    self.due.push(Reverse((at, self.tickets, address.clone())));
                    self.tickets
                }
            };
            self.members.insert(address, Member { host: host.clone(), ticket });
        }
        self.hosts = hosts;
    }

    /// The first call of the cluster brings all further questions forward.
    fn follow_use(&mut self) {
        if self.was_used || !self.trigger.is_used() {
            return;
        }
        self.was_used = true;
        let all = std::mem::take(&mut self.due);
        let earlier = |Reverse((at, ticket, address)): Reverse<(Instant, u64, Address)>| {
            let soon = now() + self.policy.delay(true, &mut self.rng);
            Reverse((at.min(soon), ticket, address))
        };
        self.due = all.into_iter().map(earlier).collect();
    }

    fn pop_due(&mut self) -> Option<(Address, u64)> {
        while self.due.peek().is_some_and(|Reverse((at, ..))| *at <= now()) {
            let Reverse((_, ticket, address)) = self.due.pop()?;
            if self.members.get(&address).is_some_and(|member| member.ticket == ticket) {
                return Some((address, ticket));
            }
        }
        None
    }

    fn heard(&mut self, (address, ticket, answer): Asked) {
        let Some(member) = self.members.get(&address).filter(|member| member.ticket == ticket) else {
            return;
        };
        let passed = answer.finding == Finding::Pass;
        (if passed { &self.counts.success } else { &self.counts.failure }).increment(1);
        if let Some(cluster) = self.owner.upgrade() {
            cluster.checked(&member.host, answer.finding, &answer.why);
        }
        let at = now() + self.policy.delay(self.was_used, &mut self.rng);
        self.due.push(Reverse((at, ticket, address)));
    }
}

struct Counts {
    attempt: Counter,
    success: Counter,
    failure: Counter,
}

impl Counts {
    fn new(cluster: &Arc<str>) -> Self {
        Self {
            attempt: counter!("envoy_cluster_health_check_attempt", "cluster_name" => cluster.clone()),
            success: counter!("envoy_cluster_health_check_success", "cluster_name" => cluster.clone()),
            failure: counter!("envoy_cluster_health_check_failure", "cluster_name" => cluster.clone()),
        }
    }
}
