//! `BackendTrafficPolicy`: whom it is about, and health checks (HC-1).

use http::Method;
use http::uri::PathAndQuery;

use super::{Check, Validate, names};
use crate::api::envoy_gateway::{
    ActiveHealthCheck, ActiveHealthCheckPayload, ActiveHealthCheckPayloadType, ActiveHealthCheckerType,
    BackendTrafficPolicy, HttpActiveHealthChecker, PolicyTargetReference,
};
use crate::api::{At, Metadata};

/// Kinds of the Gateway API that Envoy Gateway allows here.
const GATEWAY_KINDS: [&str; 6] = ["Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];

impl Validate for BackendTrafficPolicy {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        if self.target_ref.is_none() && self.target_refs.is_empty() && !self.at.is_written("targetSelectors")
        {
            check.error(self.at.origin(), "`targetRefs` is needed");
        }
        for target in self.target_ref.iter().chain(&self.target_refs) {
            self::target(target, check);
        }
        let Some(health) = &self.health_check else { return };
        if health.panic_threshold.is_some_and(|percent| percent > 100) {
            check.error(health.at.field("panicThreshold"), "must be between 0 and 100");
        }
        if let Some(active) = &health.active {
            self::active(active, check);
        }
    }
}

fn target(target: &PolicyTargetReference, check: &mut Check<'_>) {
    let at = &target.at;
    match (target.group.as_str(), target.kind.as_str()) {
        ("", "Service") | ("networking.istio.io", "ServiceEntry") => {}
        ("networking.istio.io", "VirtualService") => {
            if !target.section_name.is_empty() {
                check.error(at.field("sectionName"), "a VirtualService has no sections");
            }
        }
        ("gateway.networking.k8s.io", kind) if GATEWAY_KINDS.contains(&kind) => {
            let message = format!("a policy for a {kind} is not implemented");
            check.not_implemented(at.field("kind"), message, None);
        }
        (group, kind) => {
            let hint = "Service (group \"\"), ServiceEntry or VirtualService (group networking.istio.io)";
            let message = format!("a policy cannot be about `{kind}` of group `{group}`");
            check.error_hint(at.field("kind"), message, hint);
        }
    }
    if !names::is_name(&target.name) {
        check.error(at.field("name"), format!("`{}` is not a DNS-1123 name", target.name));
    }
}

fn active(active: &ActiveHealthCheck, check: &mut Check<'_>) {
    let at = &active.at;
    check.duration(at, "timeout", active.timeout);
    check.duration(at, "interval", active.interval);
    check.duration_or_zero(at, "initialJitter", active.initial_jitter);
    for (field, threshold) in
        [("unhealthyThreshold", active.unhealthy_threshold), ("healthyThreshold", active.healthy_threshold)]
    {
        if threshold == Some(0) {
            check.error(at.field(field), "must be at least 1");
        }
    }
    let Some(kind) = active.r#type else {
        check.error(at.origin(), "`type` is needed");
        return;
    };
    let blocks = [
        ("http", ActiveHealthCheckerType::Http, active.http.is_some(), true),
        ("tcp", ActiveHealthCheckerType::Tcp, active.tcp.is_some(), true),
        ("grpc", ActiveHealthCheckerType::Grpc, active.grpc.is_some(), false),
    ];
    for (field, of, there, needed) in blocks {
        if there && kind != of {
            check.error(at.field(field), format!("does not belong to type {}", kind.as_str()));
        } else if !there && needed && kind == of {
            check.error(at.origin(), format!("type {} needs `{field}`", kind.as_str()));
        }
    }
    if let Some(http) = &active.http {
        self::http(http, check);
    }
    if let Some(tcp) = &active.tcp {
        for (field, bytes) in [("send", &tcp.send), ("receive", &tcp.receive)] {
            payload(&tcp.at, field, bytes.as_ref(), check);
        }
    }
}

fn http(http: &HttpActiveHealthChecker, check: &mut Check<'_>) {
    let at = &http.at;
    if !http.path.starts_with('/') || PathAndQuery::try_from(http.path.as_str()).is_err() {
        check.error(at.field("path"), format!("`{}` is not a path", http.path));
    }
    if let Some(method) = &http.method
        && (!is_known(method) || method == "CONNECT")
    {
        check.error(at.field("method"), format!("`{method}` is not a method to ask with"));
    }
    if let Some(host) =
        http.hostname.as_ref().filter(|host| http::uri::Authority::try_from(host.as_str()).is_err())
    {
        check.error(at.field("hostname"), format!("`{host}` is not a host"));
    }
    for (field, statuses) in
        [("expectedStatuses", &http.expected_statuses), ("retriableStatuses", &http.retriable_statuses)]
    {
        for (index, status) in statuses.iter().enumerate() {
            if !(100..600).contains(status) {
                check.error(at.item(field, index), format!("{status} is not an HTTP status"));
            }
        }
    }
    payload(at, "expectedResponse", http.expected_response.as_ref(), check);
}

fn is_known(method: &str) -> bool {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    KNOWN.iter().any(|known| known == method)
}

fn payload(at: &At, field: &str, payload: Option<&ActiveHealthCheckPayload>, check: &mut Check<'_>) {
    let Some(payload) = payload else { return };
    let (fits, other) = match payload.r#type {
        ActiveHealthCheckPayloadType::Text => (payload.text.is_some(), payload.binary.is_some()),
        ActiveHealthCheckPayloadType::Binary => (payload.binary.is_some(), payload.text.is_some()),
    };
    if !fits || other {
        let name = payload.r#type.as_str();
        check.error(at.field(field), format!("type {name} needs `{}` alone", name.to_ascii_lowercase()));
    }
}
