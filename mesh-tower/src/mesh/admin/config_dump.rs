//! `/config_dump`: the plan in force; each node has its origin.

use mesh_core::plan::{ClusterNode, Discovery, Listener, ListenerProtocol, ListenerRoutes, Plan};
use mesh_core::route::{Action, Route, RouteTable};
use serde_json::{Value, json};

use crate::mesh::Status;

/// The dump of a plan; private keys are left out.
pub(super) fn json(plan: &Plan, status: &Status) -> Value {
    let outbound: serde_json::Map<String, Value> =
        plan.outbound.iter().map(|(port, routes)| (port.to_string(), table(plan, routes))).collect();
    json!({
        "generation": plan.generation,
        "status": {
            "source": status.source.as_str(),
            "rejected": status.rejected,
            "stale_resources": status.stale_resources,
            "stale_hosts": status.stale_hosts,
            "diagnostics": status.diagnostics.to_json(),
        },
        "workload": {
            "name": plan.workload.name,
            "namespace": plan.workload.namespace,
            "service_account": plan.workload.service_account,
            "labels": plan.workload.labels,
            "gateway": plan.workload.gateway,
            "spiffe_id": plan.workload.spiffe_id(),
        },
        "listeners": plan.listeners.iter().map(|one| listener(plan, one)).collect::<Value>(),
        "outbound": outbound,
        "clusters": plan.clusters.iter().map(cluster).collect::<Value>(),
    })
}

fn listener(plan: &Plan, listener: &Listener) -> Value {
    let routes = match &listener.routes {
        ListenerRoutes::ByAuthority => Value::from("outbound, by the port of the authority"),
        ListenerRoutes::ByAuthorityOf(tables) => tables.values().map(|routes| table(plan, routes)).collect(),
        ListenerRoutes::Table(routes) => table(plan, routes),
    };
    let tls = match &listener.protocol {
        ListenerProtocol::Http => Value::Null,
        ListenerProtocol::Https(servers) => servers
            .iter()
            .map(|server| json!({ "hosts": server.hosts, "origin": server.origin.to_string() }))
            .collect(),
    };
    json!({
        "name": listener.key.to_string(),
        "direction": listener.direction.as_str(),
        "port": listener.port,
        "tls": tls,
        "routes": routes,
        "origin": listener.origin.to_string(),
    })
}

fn table(plan: &Plan, routes: &RouteTable) -> Value {
    let hosts: Value = routes
        .hosts()
        .iter()
        .map(|host| {
            json!({
                "name": host.key.to_string(),
                "domains": host.domains,
                "origin": host.origin.to_string(),
                "routes": host.routes.iter().map(|one| route(plan, one)).collect::<Value>(),
            })
        })
        .collect();
    json!({ "name": &**routes.name(), "virtual_hosts": hosts })
}

fn route(plan: &Plan, route: &Route) -> Value {
    let cluster = |id| plan.cluster(id).map_or("unknown", |node| &node.policy.name);
    let action = match &route.action {
        Action::Forward(forward) => {
            let weighted = |one: &mesh_core::route::Destination| json!({ "cluster": cluster(one.cluster), "weight": one.weight });
            json!({ "clusters": forward.destinations().iter().map(weighted).collect::<Value>() })
        }
        Action::Passthrough => json!("passthrough"),
        Action::Redirect(redirect) => json!({ "redirect": redirect.status.as_u16() }),
        Action::Refused(document) => json!({ "refused": &**document }),
        Action::DirectResponse(direct) => json!({ "direct_response": direct.status.as_u16() }),
    };
    json!({
        "name": &*route.name,
        "origin": route.origin.to_string(),
        "match": route.matcher.to_string(),
        "action": action,
        "timeout": route.timeout.map(|time| format!("{time:?}")),
        "retry_attempts": route.retry.attempts,
        "fault": route.fault.is_some(),
        "mirrors": route.mirrors.iter().map(|mirror| cluster(mirror.cluster)).collect::<Vec<_>>(),
    })
}

fn cluster(node: &ClusterNode) -> Value {
    let discovery = match &node.discovery {
        Discovery::Static(endpoints) => {
            endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect::<Vec<_>>().into()
        }
        Discovery::Dns(targets) => {
            let names = targets.iter().map(|target| format!("{}:{}", target.name, target.port));
            json!({ "dns": names.collect::<Vec<_>>() })
        }
        Discovery::DnsFirst(target) => json!(format!("first address of {}:{}", target.name, target.port)),
        Discovery::Authority => json!("the request's authority"),
    };
    let policy = &node.policy;
    json!({
        "name": &*policy.name,
        "service": &*policy.service.host,
        "protocol": format!("{:?}", policy.protocol),
        "balance": format!("{:?}", policy.balance),
        "outlier_detection": policy.outlier.is_some(),
        "tls": policy.tls.is_some(),
        "endpoints": discovery,
        "origin": policy.origin.to_string(),
    })
}
