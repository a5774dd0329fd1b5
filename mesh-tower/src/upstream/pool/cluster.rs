//! One worker's machinery for a destination: balancer and endpoint pools.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use mesh_core::balance::{AvoidedPriorities, BalancePolicy, Balancer, Choice, PickFacts};
use mesh_core::endpoint::Address;
use mesh_core::rng::Rng;
use mesh_core::route::host_of;

use super::EndpointPool;
use crate::clock::{FastRng, now};
use crate::upstream::state::{Cluster, Host, Hosts};
use crate::upstream::transport::{ClientTls, Connect};

/// A worker's share of a cluster: its balancer's cursor, and the connections to each endpoint.
#[derive(Debug)]
pub(crate) struct ClusterPool {
    cluster: Arc<Cluster>,
    connector: Arc<dyn Connect>,
    tls: Option<ClientTls>,
    picker: Mutex<Picker>,
}

/// Where an attempt goes, and why.
#[derive(Clone, Debug)]
pub(crate) struct Picked {
    pub(crate) endpoint: Arc<EndpointPool>,
    pub(crate) choice: Choice,
    /// What the next attempt of the request avoids.
    pub(crate) avoid: AvoidedPriorities,
}

#[derive(Debug)]
struct Picker {
    balancer: Balancer,
    rng: FastRng,
    hosts: Arc<Hosts>,
    endpoints: Vec<Arc<EndpointPool>>,
}

impl ClusterPool {
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        connector: Arc<dyn Connect>,
        tls: Option<ClientTls>,
        mut rng: FastRng,
    ) -> Self {
        // A worker's pool is made for the first request that the cluster gets from it.
        if let Some(trigger) = cluster.health_check_trigger() {
            trigger.used();
        }
        let balancer = Balancer::new(cluster.plan().balance, &mut rng);
        let picker = Picker { balancer, rng, hosts: Arc::default(), endpoints: Vec::new() };
        Self { cluster, connector, tls, picker: Mutex::new(picker) }
    }

    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Picks an endpoint. If it is one of `tried`, or could not be reached lately, another is drawn, up to `redraws`
    /// times; then it is taken (RT-12). Where a retry may go to remote localities, `avoid` holds the priorities that
    /// earlier attempts have used; the value for the next attempt is returned.
    pub(crate) fn pick(
        &self,
        hash: Option<u64>,
        tried: &[Address],
        redraws: u32,
        avoid: Option<AvoidedPriorities>,
    ) -> Option<Picked> {
        let mut picker = self.picker();
        let Picker { balancer, rng, hosts, endpoints } = &mut *picker;
        let set = hosts.set();
        let decay = match balancer.policy() {
            BalancePolicy::PeakEwma { decay } => Some((decay, now())),
            _ => None,
        };
        let now = decay.map(|(_, now)| now).or_else(|| set.warm_at.map(|_| now()));
        let facts = PickFacts { now, avoid: avoid.unwrap_or_default(), hash, redraws };
        let load = |index: usize| {
            let host = &hosts.list()[index];
            match decay {
                None => u64::from(host.active()),
                Some((decay, now)) => host.latency().load(host.active(), decay, now),
            }
        };
        let poor = |index: usize| is_poor(&hosts.list()[index], tried);
        let index = balancer.pick_for(set, rng, &facts, load, poor)?;
        let choice = set.choice(index);
        let mut next = avoid.unwrap_or_default();
        if avoid.is_some() {
            next.attempted(&set.priorities, choice.priority);
        }
        Some(Picked { endpoint: endpoints[index].clone(), choice, avoid: next })
    }

    /// The endpoint of a headless service that a caller has chosen by its address or its own name (SE-1). `None` where
    /// the caller chose none, `Some(None)` where the chosen one is not there.
    pub(crate) fn chosen(&self, authority: &str) -> Option<Option<Arc<EndpointPool>>> {
        let called = host_of(authority);
        let ip = called.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let service = &self.cluster.plan().service;
        let pod = called.split_once('.').filter(|(_, rest)| {
            let rest = rest.trim_end_matches('.').to_ascii_lowercase();
            let is_part = service
                .host
                .strip_prefix(&*rest)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            is_part && rest.starts_with(&*service.name)
        });
        if ip.is_none() && pod.is_none() {
            return None;
        }
        let picker = self.picker();
        let is_it = |host: &Host| {
            let endpoint = host.endpoint();
            let named = || {
                endpoint
                    .hostname
                    .as_deref()
                    .zip(pod)
                    .is_some_and(|(name, (pod, _))| name.eq_ignore_ascii_case(pod))
            };
            matches!(&endpoint.address, Address::Socket(address) if Some(address.ip()) == ip) || named()
        };
        let index = picker.hosts.list().iter().position(is_it);
        Some(index.map(|index| picker.endpoints[index].clone()))
    }

    /// The picker, with the present hosts.
    fn picker(&self) -> MutexGuard<'_, Picker> {
        let hosts = self.cluster.load_hosts();
        let mut picker = self.lock();
        if !Arc::ptr_eq(&picker.hosts, &hosts) {
            self.follow(&mut picker, &hosts);
        }
        picker
    }

    fn lock(&self) -> MutexGuard<'_, Picker> {
        self.picker.lock().expect("no panic while an endpoint is picked")
    }

    /// Takes the new set of hosts; endpoints that stay keep their connections.
    fn follow(&self, picker: &mut Picker, hosts: &Arc<Hosts>) {
        if let ([host], [endpoint]) = (hosts.list(), picker.endpoints.as_slice())
            && endpoint.host().shares_state(host)
            && endpoint.target().address != host.endpoint().address
        {
            // One host that has moved: its connections stay, new ones go to where it is now.
            endpoint.move_to(host.endpoint());
            picker.hosts = hosts.clone();
            return;
        }
        let mut known: HashMap<Address, Arc<EndpointPool>> = picker
            .endpoints
            .drain(..)
            .map(|endpoint| (endpoint.target().address.clone(), endpoint))
            .collect();
        let rng = &mut picker.rng;
        picker.endpoints = hosts
            .list()
            .iter()
            .map(|host| match known.remove(&host.endpoint().address) {
                Some(endpoint) if endpoint.is_for(host) => {
                    endpoint.move_to(host.endpoint());
                    endpoint
                }
                _ => self.endpoint(host, rng.next_u64()),
            })
            .collect();
        picker.hosts = hosts.clone();
    }

    /// A pool for one endpoint.
    fn endpoint(&self, host: &Host, seed: u64) -> Arc<EndpointPool> {
        // The task that would restore it is gone with the earlier pool; the next dial shows whether it is reachable.
        host.set_unreachable(false);
        let (cluster, connector, tls) = (self.cluster.clone(), self.connector.clone(), self.tls.clone());
        Arc::new(EndpointPool::new(host.clone(), cluster, connector, tls, seed))
    }

    /// Closes connections that have been idle for too long.
    pub(crate) fn sweep(&self) {
        for endpoint in &self.lock().endpoints {
            endpoint.sweep();
        }
    }
}

fn is_poor(host: &Host, tried: &[Address]) -> bool {
    host.is_unreachable() || tried.contains(&host.endpoint().address)
}
