//! `WorkloadGroup`: what workloads that are no pods have in common (HC-3).

use super::WorkloadEntry;
use crate::api::message::message;
use crate::text_map::TextMap;

message! {
    /// Workloads that are described alike.
    pub struct WorkloadGroup {
        /// What each has besides the template.
        supported metadata: Option<WorkloadGroupMetadata>,
        /// What an entry for each says.
        supported template: Option<WorkloadEntry>,
        /// How each tells whether it is ready.
        supported probe: Option<ReadinessProbe>,
    }
}

message! {
    /// Labels and annotations of each workload of a group.
    pub struct WorkloadGroupMetadata {
        /// Labels, beside the template's.
        supported labels: TextMap<String>,
        /// Annotations.
        supported annotations: TextMap<String>,
    }
}

message! {
    /// Whether a workload is ready (HC-3).
    pub struct ReadinessProbe {
        /// Seconds before the first question.
        supported initial_delay_seconds: i32,
        /// Seconds until a question counts as failed; unset is 1.
        supported timeout_seconds: i32,
        /// Seconds between questions; unset is 10.
        supported period_seconds: i32,
        /// Successes in a row that make it ready; unset is 1.
        supported success_threshold: i32,
        /// Failures in a row that make it unready; unset is 3.
        supported failure_threshold: i32,
        /// A request.
        supported http_get: Option<HttpHealthCheckConfig> [oneof health_check_method],
        /// A connection.
        supported tcp_socket: Option<TcpHealthCheckConfig> [oneof health_check_method],
        /// A command.
        supported exec: Option<ExecHealthCheckConfig> [oneof health_check_method],
        /// `grpc.health.v1.Health/Check`.
        supported grpc: Option<GrpcHealthCheckConfig> [oneof health_check_method],
    }
}

message! {
    /// A GET that any status from 200 to 399 answers well.
    pub struct HttpHealthCheckConfig {
        /// Path, query included; unset is `/`.
        supported path: String,
        /// Port.
        supported port: u32,
        /// Address; unset is the loopback.
        supported host: String,
        /// `HTTP` or `HTTPS`, whose certificate is not verified; unset is `HTTP`.
        supported scheme: String,
        /// Headers, `Host` among them.
        supported http_headers: Vec<HttpHeader>,
    }
}

message! {
    /// A header of a question.
    pub struct HttpHeader {
        /// Name.
        supported name: String,
        /// Value.
        supported value: String,
    }
}

message! {
    /// A connection that can be made.
    pub struct TcpHealthCheckConfig {
        /// Address; unset is the loopback.
        supported host: String,
        /// Port.
        supported port: u32,
    }
}

message! {
    /// A command that ends with status 0.
    pub struct ExecHealthCheckConfig {
        /// Program and arguments; there is no shell in between.
        supported command: Vec<String>,
    }
}

message! {
    /// A gRPC server that says `SERVING`.
    pub struct GrpcHealthCheckConfig {
        /// Port, on the loopback.
        supported port: u32,
        /// The service asked about; unset is the server as a whole.
        supported service: String,
    }
}
