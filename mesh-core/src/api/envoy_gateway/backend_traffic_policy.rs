//! `BackendTrafficPolicy`: active health checks (HC-1).

use std::time::Duration;

use crate::api::message::{enumeration, message};
use crate::api::values::{Bytes, Json};

message! {
    /// How the backends of a target are called and watched.
    pub struct BackendTrafficPolicy {
        /// Whose backends; `targetRefs` with one entry.
        supported target_ref: Option<PolicyTargetReference> [oneof target],
        /// Whose backends.
        supported target_refs: Vec<PolicyTargetReference> [oneof target],
        /// Whose backends, by label.
        refused target_selectors: Vec<Json>,
        /// Whether endpoints are asked how they are.
        supported health_check: Option<HealthCheck>,
        /// How many requests are let through.
        refused rate_limit: Option<Json>,
        /// See `DestinationRule`.
        refused load_balancer: Option<Json>,
        /// See `VirtualService`.
        refused retry: Option<Json>,
        /// See `DestinationRule`.
        refused proxy_protocol: Option<Json>,
        /// See `DestinationRule`.
        refused tcp_keepalive: Option<Json>,
        /// See `DestinationRule`.
        refused circuit_breaker: Option<Json>,
        /// See `VirtualService`.
        refused timeout: Option<Json>,
        /// See `DestinationRule`.
        refused connection: Option<Json>,
        /// See `ServiceEntry`.
        refused dns: Option<Json>,
        /// See `DestinationRule`.
        refused http2: Option<Json>,
        /// How policies of parents and children are joined.
        refused merge_type: Option<Json>,
        /// See `VirtualService`.
        refused fault_injection: Option<Json>,
        /// See `DestinationRule`.
        refused use_client_protocol: Option<bool>,
        /// Compress responses.
        refused compression: Vec<Json>,
        /// Other responses in place of these.
        refused response_override: Vec<Json>,
        /// Which upgrades are let through.
        refused http_upgrade: Vec<Json>,
        /// Read requests whole before they are sent.
        refused request_buffer: Option<Json>,
        /// See `Telemetry`.
        refused telemetry: Option<Json>,
    }
}

message! {
    /// What a policy is about.
    pub struct PolicyTargetReference {
        /// API group; empty for a Service.
        supported group: String,
        /// `Service`, `ServiceEntry` or `VirtualService`.
        supported kind: String,
        /// Name, in the policy's own namespace.
        supported name: String,
        /// One port of it, by name.
        supported section_name: String,
    }
}

message! {
    /// Whether endpoints are asked how they are.
    pub struct HealthCheck {
        /// By asking them.
        supported active: Option<ActiveHealthCheck>,
        /// By watching them: see `outlierDetection` of `DestinationRule`.
        refused passive: Option<Json>,
        /// Below this percentage of healthy endpoints all are used; unset is 50, 0 never (LB-14).
        supported panic_threshold: Option<u32>,
    }
}

message! {
    /// How an endpoint is asked (HC-1).
    pub struct ActiveHealthCheck {
        /// Longest wait for an answer; unset is 1s.
        supported timeout: Option<Duration>,
        /// Time between questions; unset is 3s.
        supported interval: Option<Duration>,
        /// The first question is put off by a random part of this.
        supported initial_jitter: Option<Duration>,
        /// Failures in a row that take an endpoint out; unset is 3.
        supported unhealthy_threshold: Option<u32>,
        /// Successes in a row that take it back; unset is 1.
        supported healthy_threshold: Option<u32>,
        /// What is spoken.
        supported r#type: Option<ActiveHealthCheckerType>,
        /// The question, for HTTP.
        supported http: Option<HttpActiveHealthChecker>,
        /// The question, for TCP.
        supported tcp: Option<TcpActiveHealthChecker>,
        /// The question, for gRPC.
        supported grpc: Option<GrpcActiveHealthChecker>,
        /// Another port to ask at.
        refused overrides: Option<Json>,
    }
}

enumeration! {
    /// What is spoken.
    pub enum ActiveHealthCheckerType {
        /// HTTP, in the version that the service speaks.
        supported Http = 0 ["HTTP"],
        /// Bytes.
        supported Tcp = 1 ["TCP"],
        /// gRPC: `grpc.health.v1.Health/Check`.
        supported Grpc = 2 ["GRPC"],
    }
}

message! {
    /// A question over HTTP.
    pub struct HttpActiveHealthChecker {
        /// Host to ask for; unset is the service's.
        supported hostname: Option<String>,
        /// Path, query included.
        supported path: String,
        /// Method; unset is GET.
        supported method: Option<String>,
        /// Statuses of a healthy endpoint; unset is 200.
        supported expected_statuses: Vec<u32>,
        /// Statuses that count as one failure; any other that isn't expected takes the endpoint out at once.
        supported retriable_statuses: Vec<u32>,
        /// What the first KiB of the body has in it.
        supported expected_response: Option<ActiveHealthCheckPayload>,
    }
}

message! {
    /// A question in bytes. Without any, a connection is answer enough.
    pub struct TcpActiveHealthChecker {
        /// What is sent.
        supported send: Option<ActiveHealthCheckPayload>,
        /// What is waited for.
        supported receive: Option<ActiveHealthCheckPayload>,
    }
}

message! {
    /// A question over gRPC.
    pub struct GrpcActiveHealthChecker {
        /// The service asked about; unset is the server as a whole.
        supported service: Option<String>,
    }
}

message! {
    /// Bytes.
    pub struct ActiveHealthCheckPayload {
        /// How they are written.
        supported r#type: ActiveHealthCheckPayloadType,
        /// As text.
        supported text: Option<String>,
        /// In base64.
        supported binary: Option<Bytes>,
    }
}

enumeration! {
    /// How bytes are written.
    pub enum ActiveHealthCheckPayloadType {
        /// As text.
        supported Text = 0 ["Text"],
        /// In base64.
        supported Binary = 1 ["Binary"],
    }
}

impl ActiveHealthCheck {
    /// A GET of this path that is answered 200.
    #[must_use]
    pub fn http(path: impl Into<String>) -> Self {
        let http = HttpActiveHealthChecker { path: path.into(), ..HttpActiveHealthChecker::default() };
        Self { r#type: Some(ActiveHealthCheckerType::Http), http: Some(http), ..Self::default() }
    }

    /// A connection that can be made.
    #[must_use]
    pub fn tcp() -> Self {
        let tcp = Some(TcpActiveHealthChecker::default());
        Self { r#type: Some(ActiveHealthCheckerType::Tcp), tcp, ..Self::default() }
    }

    /// `grpc.health.v1`, about the server as a whole.
    #[must_use]
    pub fn grpc() -> Self {
        Self { r#type: Some(ActiveHealthCheckerType::Grpc), ..Self::default() }
    }
}
