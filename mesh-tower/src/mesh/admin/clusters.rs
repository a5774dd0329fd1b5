//! `/clusters`: the present state of the endpoints.

use std::fmt::Write;

use mesh_core::circuit::Resource;
use mesh_core::outlier::HostState;
use serde_json::{Value, json};

use crate::clock::now;
use crate::upstream::live::Live;
use crate::upstream::state::{Cluster, Host};

/// One line for each fact, as Envoy prints them.
pub(super) fn text(live: &Live) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    for cluster in live.clusters() {
        let name = &cluster.plan().name;
        for resource in Resource::ALL {
            let (active, limit) = usage(cluster, resource);
            let _ = writeln!(out, "{name}::default_priority::{}::{active}/{limit}", resource_name(resource));
        }
        let hosts = cluster.hosts();
        for (index, host) in hosts.list().iter().enumerate() {
            let endpoint = host.endpoint();
            let (address, locality) = (&endpoint.address, &endpoint.locality);
            let _ = writeln!(out, "{name}::{address}::rq_active::{}", host.active());
            let _ = writeln!(out, "{name}::{address}::weight::{}", endpoint.weight);
            let _ = writeln!(out, "{name}::{address}::health_flags::{}", health(host));
            let _ = writeln!(out, "{name}::{address}::region::{}", locality.region);
            let _ = writeln!(out, "{name}::{address}::zone::{}", locality.zone);
            let _ = writeln!(out, "{name}::{address}::sub_zone::{}", locality.subzone);
            let _ = writeln!(out, "{name}::{address}::priority::{}", hosts.set().choice(index).priority);
            if let Some(seconds) = ejected_for(host.outlier()) {
                let _ = writeln!(out, "{name}::{address}::ejected_seconds_left::{seconds}");
            }
        }
    }
    out
}

/// The same facts as JSON.
pub(super) fn json(live: &Live) -> Value {
    let clusters: Value = live.clusters().iter().map(|cluster| describe(cluster)).collect();
    json!({ "generation": live.plan().generation, "cluster_statuses": clusters })
}

fn describe(cluster: &Cluster) -> Value {
    let (plan, snapshot) = (cluster.plan(), cluster.hosts());
    let hosts: Value = snapshot
        .list()
        .iter()
        .enumerate()
        .map(|(index, host)| {
            let endpoint = host.endpoint();
            let outlier = host.outlier();
            json!({
                "address": endpoint.address.to_string(),
                "weight": endpoint.weight,
                "workload": endpoint.workload.as_ref().map(|(namespace, name)| format!("{namespace}/{name}")),
                "labels": &*endpoint.labels,
                "locality": endpoint.locality.to_string(),
                "priority": snapshot.set().hosts[index].place.map(|place| place.priority),
                "priority_reason": plan.locality.as_ref().map(|policy| policy.why(endpoint)),
                "health": health(host),
                "active_requests": host.active(),
                "ejections": outlier.ejections(),
                "ejected_for_seconds": ejected_for(outlier),
                "ejection_reason": outlier.reason().map(|reason| reason.name()),
            })
        })
        .collect();
    let limits: serde_json::Map<String, Value> = Resource::ALL
        .into_iter()
        .map(|resource| {
            let (active, limit) = usage(cluster, resource);
            (resource_name(resource).to_owned(), json!({ "active": active, "limit": limit }))
        })
        .collect();
    let priorities: Value = snapshot
        .set()
        .priorities
        .iter()
        .map(|priority| {
            json!({
                "hosts": priority.total,
                "healthy": priority.healthy,
                "load_percent": priority.load,
                "panic": priority.panic,
            })
        })
        .collect();
    json!({
        "name": &*plan.name,
        "service": &*plan.service.host,
        "origin": plan.origin.to_string(),
        "panic": snapshot.set().panic,
        "locality_policy": plan.locality.as_ref().map(|policy| policy.origin.to_string()),
        "priorities": priorities,
        "limits": limits,
        "host_statuses": hosts,
    })
}

fn usage(cluster: &Cluster, resource: Resource) -> (u32, u32) {
    let limits = cluster.limits();
    (limits.active(resource), limits.limit(resource, &cluster.plan().circuit))
}

const fn resource_name(resource: Resource) -> &'static str {
    match resource {
        Resource::Connections => "connections",
        Resource::Pending => "pending_requests",
        Resource::Requests => "requests",
        Resource::Retries => "retries",
    }
}

fn health(host: &Host) -> &'static str {
    match (host.health() == mesh_core::health::State::Unhealthy, host.is_ejected()) {
        (true, true) => "/failed_active_hc/failed_outlier_check",
        (true, false) => "/failed_active_hc",
        (false, true) => "/failed_outlier_check",
        (false, false) if host.is_unreachable() => "/unreachable",
        (false, false) => "healthy",
    }
}

/// The seconds until the end of an ejection; `None` if the endpoint is not ejected.
fn ejected_for(outlier: &HostState) -> Option<u64> {
    outlier
        .is_ejected()
        .then(|| outlier.ejected_until())?
        .map(|until| until.saturating_duration_since(now()).as_secs())
}
