//! Active health checks (HC-1).

use super::{PolicyResult, located};
use crate::api::envoy_gateway::{
    ActiveHealthCheck, ActiveHealthCheckPayload, ActiveHealthCheckerType, HttpActiveHealthChecker,
};
use crate::health::{HealthParts, HealthPolicy, HttpProbeParts, ProbeKind, TcpProbeParts};

/// A health check as written.
pub(crate) fn health(written: &ActiveHealthCheck) -> PolicyResult<HealthPolicy> {
    let grpc = written.grpc.as_ref();
    let parts = HealthParts {
        kind: written.r#type.map(|kind| match kind {
            ActiveHealthCheckerType::Http => ProbeKind::Http,
            ActiveHealthCheckerType::Tcp => ProbeKind::Tcp,
            ActiveHealthCheckerType::Grpc => ProbeKind::Grpc,
        }),
        http: written.http.as_ref().map(http),
        tcp: (written.tcp.as_ref()).map(|tcp| TcpProbeParts {
            send: bytes(tcp.send.as_ref()),
            receive: bytes(tcp.receive.as_ref()),
        }),
        grpc: grpc.map(|grpc| grpc.service.as_deref().unwrap_or_default()),
        timeout: written.timeout,
        interval: written.interval,
        initial_jitter: written.initial_jitter,
        unhealthy_threshold: written.unhealthy_threshold,
        healthy_threshold: written.healthy_threshold,
    };
    HealthPolicy::of_parts(parts).map_err(|errors| {
        let http = written.http.as_ref().map(|http| &http.at);
        located(errors, &[("", Some(&written.at)), ("http", http)])
    })
}

fn http(written: &HttpActiveHealthChecker) -> HttpProbeParts<'_> {
    HttpProbeParts {
        path: &written.path,
        method: written.method.as_deref(),
        hostname: written.hostname.as_deref(),
        expected_statuses: &written.expected_statuses,
        retriable_statuses: &written.retriable_statuses,
        expected_response: written.expected_response.as_ref().map(|payload| bytes(Some(payload))),
    }
}

/// The bytes of a payload, whichever way it is written.
fn bytes(payload: Option<&ActiveHealthCheckPayload>) -> Vec<u8> {
    match payload.map(|payload| (&payload.text, &payload.binary)) {
        Some((Some(text), _)) => text.clone().into_bytes(),
        Some((None, Some(binary))) => binary.0.clone(),
        Some((None, None)) | None => Vec::new(),
    }
}
