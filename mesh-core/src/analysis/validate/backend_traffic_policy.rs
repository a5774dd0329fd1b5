//! `BackendTrafficPolicy`: whom it is about, and health checks (HC-1).

use super::{Check, Validate, names};
use crate::analysis::blocks;
use crate::api::envoy_gateway::{
    ActiveHealthCheck, ActiveHealthCheckPayload, ActiveHealthCheckPayloadType, BackendTrafficPolicy,
    PolicyTargetReference,
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
    check.refused(blocks::health(active));
    if active.r#type.is_none() {
        return;
    }
    if let Some(http) = &active.http {
        payload(&http.at, "expectedResponse", http.expected_response.as_ref(), check);
    }
    if let Some(tcp) = &active.tcp {
        for (field, bytes) in [("send", &tcp.send), ("receive", &tcp.receive)] {
            payload(&tcp.at, field, bytes.as_ref(), check);
        }
    }
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
