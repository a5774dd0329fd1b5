//! Providers of telemetry and authorization that `MeshConfig` declares.

use crate::api::message::{Note, message};
use crate::api::values::Json;

/// Declared and not implemented: a remark, because nothing comes of a declaration until it is used. Its use is
/// told where it is written.
const SPANS: Note = Note::info(super::mesh_config::NO_SPANS);
const LOGS: Note = Note::info("access logs are written to files alone");
const ASKS: Note = Note::info("no service is asked whether a request may pass");
const SECRETS: Note = Note::info("secrets are read from files and from Secret documents");

message! {
    /// A provider of telemetry or authorization; only its name and kind are read so far.
    pub struct ExtensionProvider {
        /// What Telemetry and AuthorizationPolicy call it.
        supported name: String,
        /// Prometheus metrics.
        inert prometheus: Option<Json> [oneof provider] [note Note::info(
            "metrics are kept for Prometheus whether or not it is named",
        )],
        /// Access log to a file.
        supported envoy_file_access_log: Option<EnvoyFileAccessLogProvider> [oneof provider],
        /// External authorization over HTTP.
        inert envoy_ext_authz_http: Option<Json> [oneof provider] [note ASKS],
        /// External authorization over gRPC.
        inert envoy_ext_authz_grpc: Option<Json> [oneof provider] [note ASKS],
        /// Zipkin.
        inert zipkin: Option<Json> [oneof provider] [note SPANS],
        /// Lightstep.
        inert lightstep: Option<Json> [oneof provider] [note SPANS],
        /// Datadog.
        inert datadog: Option<Json> [oneof provider] [note SPANS],
        /// Stackdriver.
        inert stackdriver: Option<Json> [oneof provider] [note SPANS],
        /// OpenCensus.
        inert opencensus: Option<Json> [oneof provider] [note SPANS],
        /// SkyWalking.
        inert skywalking: Option<Json> [oneof provider] [note SPANS],
        /// OpenTelemetry.
        inert opentelemetry: Option<Json> [oneof provider] [note SPANS],
        /// Access log over gRPC.
        inert envoy_http_als: Option<Json> [oneof provider] [note LOGS],
        /// TCP access log over gRPC.
        inert envoy_tcp_als: Option<Json> [oneof provider] [note LOGS],
        /// Access log over OpenTelemetry.
        inert envoy_otel_als: Option<Json> [oneof provider] [note LOGS],
        /// Secrets over SDS.
        inert sds: Option<Json> [oneof provider] [note SECRETS],
    }
}

message! {
    /// An access log to a file.
    pub struct EnvoyFileAccessLogProvider {
        /// The file.
        supported path: String,
        /// Its format.
        supported log_format: Option<LogFormat>,
        /// Leave empty values out.
        supported omit_empty_values: bool,
    }
}

message! {
    /// Format of an access log.
    pub struct LogFormat {
        /// A line of text.
        supported text: Option<String> [oneof log_format],
        /// A JSON object.
        supported labels: Option<Json> [oneof log_format],
    }
}

message! {
    /// Which providers are used.
    pub struct DefaultProviders {
        /// For tracing.
        inert tracing: Vec<String> [note Note::warning(super::mesh_config::NO_SPANS)],
        /// For metrics.
        inert metrics: Vec<String> [note Note::info(
            "metrics are kept for Prometheus, whatever is named",
        ).unless(&["prometheus"])],
        /// For access logs.
        supported access_logging: Vec<String>,
    }
}
