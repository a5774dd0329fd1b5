//! `Sidecar` (SC).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::traffic_policy::connection_pool;
use super::{Check, Validate, names};
use crate::api::Metadata;
use crate::api::istio::{
    CaptureMode, Destination, IstioEgressListener, IstioIngressListener, OutboundMode, Sidecar, SidecarPort,
};

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
            check.selector(&selector.at, "labels", selector.labels.iter());
        }
        if let Some(pool) = &self.inbound_connection_pool {
            connection_pool(pool, check);
        }
        if let Some(policy) = &self.outbound_traffic_policy
            && let Some(proxy) = &policy.egress_proxy
        {
            egress_proxy(policy.mode, proxy, check);
        }
        for (index, listener) in self.ingress.iter().enumerate() {
            ingress(listener, check);
            let same = |other: &IstioIngressListener| {
                let mode = CaptureMode::Default;
                socket(other.port.as_ref(), &other.bind, mode)
                    == socket(listener.port.as_ref(), &listener.bind, mode)
            };
            if listener.port.is_some() && self.ingress[..index].iter().any(same) {
                check.error(listener.at.field("port"), "another ingress listener has this port");
            }
        }
        for (index, listener) in self.egress.iter().enumerate() {
            egress(listener, check);
            if listener.port.is_none() && index + 1 < self.egress.len() {
                check.error(listener.at.origin(), "only the last egress listener may have no `port`");
            }
            let same = |other: &IstioEgressListener| {
                socket(other.port.as_ref(), &other.bind, other.capture_mode)
                    == socket(listener.port.as_ref(), &listener.bind, listener.capture_mode)
            };
            if listener.port.is_some() && self.egress[..index].iter().any(same) {
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
    names::host(check, at.field("host"), &proxy.host);
    if proxy.port.as_ref().is_none_or(|port| port.number == 0) {
        check.error(at.origin(), "`egressProxy` needs a `port`");
    }
}

/// SC-5.
fn ingress(listener: &IstioIngressListener, check: &mut Check<'_>) {
    let at = &listener.at;
    match &listener.port {
        Some(port) => self::port(port, check),
        None => check.error(at.origin(), "an ingress listener needs a `port`"),
    }
    bind(at.field("bind"), &listener.bind, check);
    let endpoint = listener.default_endpoint.as_str();
    if !endpoint.is_empty() && !is_local_endpoint(endpoint) {
        let hint = "127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT or unix:///path";
        check.error_hint(
            at.field("defaultEndpoint"),
            format!("`{endpoint}` is not the application's address"),
            hint,
        );
    }
    if let Some(pool) = &listener.connection_pool {
        connection_pool(pool, check);
    }
}

fn is_local_endpoint(text: &str) -> bool {
    if let Some(path) = text.strip_prefix("unix://") {
        return path.starts_with('/') || path.starts_with('@');
    }
    text.parse::<std::net::SocketAddr>().is_ok_and(|address| {
        let ip = address.ip();
        (ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST) && address.port() != 0
    })
}

/// SC-2.
fn egress(listener: &IstioEgressListener, check: &mut Check<'_>) {
    let at = &listener.at;
    if let Some(port) = &listener.port {
        self::port(port, check);
    }
    bind(at.field("bind"), &listener.bind, check);
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
        if namespace == "~" {
            if name != "*" || listener.hosts.len() > 1 {
                check.error(place(), "`~/*` imports nothing, and stands alone");
            }
            continue;
        }
        let namespace = namespace.strip_prefix('~').unwrap_or(namespace);
        if namespace != "*" && namespace != "." && !names::is_label(namespace) {
            check.error(place(), format!("`{namespace}` is neither a namespace nor `.` or `*`"));
        }
        names::host(check, place(), name);
    }
}

fn port(port: &SidecarPort, check: &mut Check<'_>) {
    let at = &port.at;
    check.port(at, "number", port.number);
    if !port.protocol.is_empty() && !names::is_protocol(&port.protocol) {
        check.error(at.field("protocol"), format!("`{}` is not a protocol", port.protocol));
    }
    if port.target_port.is_some_and(|target| target != 0) {
        check.error(at.field("targetPort"), "a Sidecar's port has no target port");
    }
}

fn bind(origin: crate::error::Origin, bind: &str, check: &mut Check<'_>) {
    if !bind.is_empty() && !names::is_ip(bind) && !bind.starts_with("unix://") {
        check.error(origin, format!("`{bind}` is not an address"));
    }
}
