//! Providers of telemetry and authorization that `MeshConfig` declares.

use crate::api::message::{Note, message};
use crate::api::values::Json;

message! {
    /// A provider of telemetry or authorization; only its name and kind are read so far.
    pub struct ExtensionProvider {
        /// What Telemetry and AuthorizationPolicy call it.
        supported name: String,
        /// Prometheus metrics.
        inert prometheus: Option<Json> [oneof provider] [told Note::info(
            "metrics are kept for Prometheus whether or not it is named",
        )],
        /// Access log to a file.
        supported envoy_file_access_log: Option<EnvoyFileAccessLogProvider> [oneof provider],
        /// External authorization over HTTP.
        refused envoy_ext_authz_http: Option<Json> [oneof provider],
        /// External authorization over gRPC.
        refused envoy_ext_authz_grpc: Option<Json> [oneof provider],
        /// Zipkin.
        refused zipkin: Option<Json> [oneof provider],
        /// Lightstep.
        refused lightstep: Option<Json> [oneof provider],
        /// Datadog.
        refused datadog: Option<Json> [oneof provider],
        /// Stackdriver.
        refused stackdriver: Option<Json> [oneof provider],
        /// OpenCensus.
        refused opencensus: Option<Json> [oneof provider],
        /// SkyWalking.
        refused skywalking: Option<Json> [oneof provider],
        /// OpenTelemetry.
        refused opentelemetry: Option<Json> [oneof provider],
        /// Access log over gRPC.
        refused envoy_http_als: Option<Json> [oneof provider],
        /// TCP access log over gRPC.
        refused envoy_tcp_als: Option<Json> [oneof provider],
        /// Access log over OpenTelemetry.
        refused envoy_otel_als: Option<Json> [oneof provider],
        /// Secrets over SDS.
        refused sds: Option<Json> [oneof provider],
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
        inert tracing: Vec<String> [told Note::warning(super::mesh_config::NO_SPANS)],
        /// For metrics.
        inert metrics: Vec<String> [told Note::info(
            "metrics are kept for Prometheus, whatever is named",
        ).unless(&["prometheus"])],
        /// For access logs.
        supported access_logging: Vec<String>,
    }
}
