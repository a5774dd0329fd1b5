//! `Sidecar` (SC).

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use super::traffic_policy;
use super::workload_entry::unix_path;
use super::{Check, Validate, hosts, names, text};
use crate::analysis::blocks;
use crate::api::Metadata;
use crate::api::istio::{
    CaptureMode, Destination, IstioEgressListener, IstioIngressListener, OutboundMode, Sidecar, SidecarPort,
};
use crate::circuit::CircuitPolicy;

impl Validate for Sidecar {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        let at = &self.at;
        if self.egress.is_empty()
            && self.ingress.is_empty()
            && self.outbound_traffic_policy.is_none()
            && self.inbound_connection_pool.is_none()
        {
            check.error(at.origin(), "a Sidecar must say something: `egress`, `ingress` or a policy");
        }
        if let Some(selector) = &self.workload_selector {
            check.count(&selector.at, "labels", selector.labels.len(), 256);
            check.selector(&selector.at, "labels", selector.labels.iter());
        }
        if let Some(pool) = &self.inbound_connection_pool {
            check.refused(blocks::pool(pool, CircuitPolicy::default()));
        }
        if let Some(policy) = &self.outbound_traffic_policy
            && let Some(proxy) = &policy.egress_proxy
        {
            egress_proxy(policy.mode, proxy, check);
        }
        let mut sockets = HashSet::new();
        for listener in &self.ingress {
            ingress(listener, check);
            let own = socket(listener.port.as_ref(), &listener.bind, CaptureMode::Default);
            if !sockets.insert(own) && listener.port.is_some() {
                check.error(listener.at.field("port"), "another ingress listener has this port");
            }
        }
        let mut sockets = HashSet::new();
        for (index, listener) in self.egress.iter().enumerate() {
            egress(listener, check);
            if listener.port.is_none() && index + 1 < self.egress.len() {
                check.error(listener.at.origin(), "only the last egress listener may have no `port`");
            }
            let own = socket(listener.port.as_ref(), &listener.bind, listener.capture_mode);
            if !sockets.insert(own) && listener.port.is_some() {
                check.error(listener.at.field("port"), "another egress listener has this port");
            }
        }
    }
}

/// Where a listener stands, however its address is written (SC-8).
fn socket<'a>(
    port: Option<&SidecarPort>,
    bind: &'a str,
    mode: CaptureMode,
) -> (Option<u32>, Result<IpAddr, &'a str>) {
    let bind = match bind {
        "" if mode == CaptureMode::None => Ok(Ipv4Addr::LOCALHOST.into()),
        written => written.parse().map_err(|_| written),
    };
    (port.map(|port| port.number), bind)
}

/// SC-4.
fn egress_proxy(mode: OutboundMode, proxy: &Destination, check: &mut Check<'_>) {
    let at = &proxy.at;
    if mode == OutboundMode::RegistryOnly {
        let hint = "write `mode: ALLOW_ANY`; without a mode it is REGISTRY_ONLY";
        check.error_hint(at.origin(), "`egressProxy` has no effect where unknown hosts are refused", hint);
    }
    if !text::is_name(&proxy.host) {
        check.error(at.field("host"), format!("`{}` is not the name of a host", proxy.host));
    }
    if proxy.port.is_none() {
        check.error(at.origin(), "`egressProxy` needs a `port`");
    }
    traffic_policy::subset_and_port(proxy, check);
}

/// SC-5.
fn ingress(listener: &IstioIngressListener, check: &mut Check<'_>) {
    let at = &listener.at;
    match &listener.port {
        Some(port) => {
            self::port(port, check);
            check.port(&port.at, "number", port.number);
        }
        None => check.error(at.origin(), "an ingress listener needs a `port`"),
    }
    address(listener.at.field("bind"), &listener.bind, check);
    let endpoint = listener.default_endpoint.as_str();
    if endpoint.starts_with("unix://") {
        unix_path(at.field("defaultEndpoint"), endpoint, check);
    } else if !endpoint.is_empty() && !is_local_endpoint(endpoint) {
        let hint = "127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT, :PORT or unix:///path";
        check.error_hint(
            at.field("defaultEndpoint"),
            format!("`{endpoint}` is not the application's address"),
            hint,
        );
    }
    if let Some(pool) = &listener.connection_pool {
        check.refused(blocks::pool(pool, CircuitPolicy::default()));
    }
}

fn is_local_endpoint(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    // As it is written, and not what it means: in brackets, an address of either kind.
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let local = match bare {
        Some(host) => ["", "127.0.0.1", "0.0.0.0", "::1", "::"].contains(&host),
        None => ["", "127.0.0.1", "0.0.0.0"].contains(&host),
    };
    local && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// SC-2.
fn egress(listener: &IstioEgressListener, check: &mut Check<'_>) {
    let at = &listener.at;
    // Without a port there is no listener to bind.
    if let Some(port) = &listener.port {
        self::port(port, check);
        let bind = listener.bind.as_str();
        if port.number != 0 {
            check.port(&port.at, "number", port.number);
            address(at.field("bind"), bind, check);
        } else if bind.starts_with("unix://") {
            unix_path(at.field("bind"), bind, check);
            if listener.capture_mode == CaptureMode::Iptables {
                check.error(at.field("captureMode"), "nothing captures the traffic of a unix socket");
            }
        } else {
            let hint = "write a `number`, or `bind: unix:///path`";
            check.error_hint(port.at.origin(), "port 0 is for unix sockets only", hint);
        }
    }
    if listener.hosts.is_empty() {
        check.error(at.origin(), "an egress listener needs `hosts`");
    }
    for (index, text) in listener.hosts.iter().enumerate() {
        let place = || at.item("hosts", index);
        let Some((namespace, name)) = text.split_once('/') else {
            let hint = format!("write `*/{text}`, or a namespace in place of `*`");
            check.error_hint(place(), format!("`{text}` has no namespace"), hint);
            continue;
        };
        let bare = namespace.strip_prefix('~').unwrap_or(namespace);
        // `~/…` imports nothing.
        let excluded = namespace == "~";
        if namespace.is_empty() || (!excluded && bare != "*" && bare != "." && !text::is_label(bare)) {
            check.error(place(), format!("`{bare}` is neither a namespace nor `.` or `*`"));
        }
        full_host(place(), name, check);
    }
}

/// A host of which more than the first label is written.
pub(super) fn full_host(origin: crate::error::Origin, name: &str, check: &mut Check<'_>) {
    if !text::is_wildcard_name(name) {
        hosts::host(check, origin, name);
    } else if name != "*" && !name.contains('.') {
        let hint = format!("write it in full: `{name}.NAMESPACE.svc.cluster.local`");
        check.error_hint(origin, format!("`{name}` is a short name"), hint);
    } else if text::is_partial_wildcard(name) {
        let hint = "write `*` or `*.` and a name";
        check.error_hint(origin, format!("the wildcard of `{name}` is only a part of a label"), hint);
    }
}

fn port(port: &SidecarPort, check: &mut Check<'_>) {
    let at = &port.at;
    if !port.name.is_empty() {
        check.port_name(at, "name", &port.name);
    }
    if !port.protocol.is_empty() && !names::is_protocol(&port.protocol) {
        check.error(at.field("protocol"), format!("`{}` is not a protocol", port.protocol));
    }
    if port.target_port.is_some_and(|target| target != 0) {
        check.error(at.field("targetPort"), "a Sidecar's port has no target port");
    }
}

fn address(origin: crate::error::Origin, bind: &str, check: &mut Check<'_>) {
    if !bind.is_empty() && !text::is_ip(bind) {
        check.error(origin, format!("`{bind}` is not an address"));
    }
}
