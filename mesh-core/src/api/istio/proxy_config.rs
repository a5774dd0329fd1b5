//! Settings of a proxy (MC-3): in the mesh config, in an annotation, in documents of kind `ProxyConfig`.

use std::time::Duration;

use super::LabelSelector;
use super::mesh_config::NO_SPANS;
use crate::api::message::{Note, message};
use crate::api::values::Json;
use crate::text_map::TextMap;

/// The annotation that holds settings of a pod's proxy.
pub(crate) const PROXY_CONFIG: &str = "proxy.istio.io/config";

/// For what Istio's agent hands to Envoy.
const ENVOY: Note = Note::info("it is about Envoy's own start, and this is not Envoy");

/// For what names a control plane.
const CONTROL_PLANE: Note = Note::info("there is no control plane: the configuration is read from files");

/// For what sends telemetry to a service.
const NO_SINK: Note = Note::warning("nothing is sent there").hint("metrics are at /stats/prometheus");

message! {
    /// Settings of a proxy. Later places win, field by field: the mesh's `defaultConfig`, the ProxyConfig of
    /// the root namespace, that of the namespace, the workload's annotation, the ProxyConfig that selects it.
    pub struct ProxyConfig {
        /// Folder of Envoy's configuration.
        inert config_path: String [note ENVOY],
        /// Envoy's program.
        inert binary_path: String [note ENVOY],
        /// A configuration of Envoy.
        refused custom_config_file: String,
        /// Name that Envoy has in traces.
        inert service_cluster: String [note ENVOY],
        /// How that is made.
        inert tracing_service_name: String [note ENVOY],
        /// How long a replaced listener drains.
        supported drain_duration: Option<Duration>,
        /// How long a restarted Envoy's forerunner lives.
        inert parent_shutdown_duration: Option<Duration> [note ENVOY],
        /// Address of istiod.
        inert discovery_address: String [note CONTROL_PLANE
            .unless(&["istiod.istio-system.svc:15012", "istiod.istio-system.svc.cluster.local:15012"])],
        /// No longer has an effect in Istio.
        inert discovery_refresh_delay: Option<Duration> [note CONTROL_PLANE],
        /// Where Zipkin is.
        inert zipkin_address: String [note Note::warning(NO_SPANS)],
        /// Where statsd is.
        inert statsd_udp_address: String [note NO_SINK],
        /// Envoy's metrics service.
        inert envoy_metrics_service_address: String [note NO_SINK],
        /// Port of the admin interface.
        supported proxy_admin_port: Option<i32>,
        /// No longer has an effect in Istio.
        inert availability_zone: String [note CONTROL_PLANE],
        /// How the proxy and the control plane know each other.
        inert control_plane_auth_policy: Option<Json> [note CONTROL_PLANE.unless(&["MUTUAL_TLS", "1"])],
        /// Longest name in Envoy's statistics.
        inert stat_name_length: Option<i32> [note ENVOY],
        /// Worker threads; 0 is one per core.
        supported concurrency: Option<i32>,
        /// A template of Envoy's configuration.
        refused proxy_bootstrap_template_path: String,
        /// How inbound traffic is captured.
        inert interception_mode: Option<Json> [note Note::info("nothing is captured").unless(&["NONE", "2"])],
        /// Tracing.
        inert tracing: Option<Json> [note Note::warning(NO_SPANS)],
        /// No longer has an effect in Istio.
        inert sds: Option<Json> [note CONTROL_PLANE],
        /// Where Envoy's access log service is.
        inert envoy_access_log_service: Option<Json> [note NO_SINK],
        /// Where Envoy's metrics service is.
        inert envoy_metrics_service: Option<Json> [note NO_SINK],
        /// Settings handed to the proxy as environment.
        supported proxy_metadata: TextMap<String>,
        /// Switches inside Envoy.
        inert runtime_values: TextMap<String> [note ENVOY],
        /// Port where readiness and metrics are shown; not served unless written.
        supported status_port: Option<i32>,
        /// More labels of metrics.
        inert extra_stat_tags: Vec<String> [note Note::warning("metrics have the standard labels only")],
        /// What stands in front of a gateway.
        supported gateway_topology: Option<GatewayTopology>,
        /// How long a stopping proxy drains.
        supported termination_drain_duration: Option<Duration>,
        /// Name of the mesh in metrics.
        inert mesh_id: String [note Note::warning("metrics have no label for it")],
        /// When a virtual machine's application is ready.
        inert readiness_probe: Option<Json> [note Note::warning("the application is not probed")],
        /// Statistics that are kept.
        inert proxy_stats_matcher: Option<Json> [note Note::info("all metrics are kept, with names of their own")],
        /// Whether the application waits for the proxy.
        inert hold_application_until_proxy_starts: Option<bool> [note Note::info(
            "who starts the two decides their order",
        ).hint("start the application when /ready answers 200").unless(&["false"])],
        /// Further authorities of the mesh.
        refused ca_certificates_pem: Vec<String>,
        /// Which image is injected.
        inert image: Option<Json> [note Note::info("nothing is injected")],
        /// Hardware that keeps keys.
        refused private_key_provider: Option<Json>,
        /// Headers that the proxy sets.
        supported proxy_headers: Option<ProxyHeaders>,
        /// How often Envoy writes its access log.
        inert file_flush_interval: Option<Duration> [note ENVOY],
        /// How much of it Envoy gathers.
        inert file_flush_min_size_kb: Option<u32> [note ENVOY],
    }
}

message! {
    /// What stands in front of a gateway.
    pub struct GatewayTopology {
        /// How many proxies of our own a request has come through, whose `x-forwarded-for` is believed (HD-5).
        supported num_trusted_proxies: u32,
        /// What becomes of `x-forwarded-client-cert`.
        refused forward_client_cert_details: Option<Json>,
        /// Whether connections begin with who the caller is.
        refused proxy_protocol: Option<Json>,
    }
}

message! {
    /// Headers that the proxy sets (HD-4).
    pub struct ProxyHeaders {
        /// What becomes of `x-forwarded-client-cert`.
        refused forwarded_client_cert: Option<Json>,
        /// What it says of the caller.
        refused set_current_client_cert_details: Option<Json>,
        /// `x-request-id`.
        supported request_id: Option<HeaderSwitch>,
        /// `server`.
        supported server: Option<ServerHeader>,
        /// `x-envoy-attempt-count`.
        refused attempt_count: Option<Json>,
        /// `x-envoy-upstream-service-time` and its like.
        refused envoy_debug_headers: Option<Json>,
        /// `x-envoy-peer-metadata`.
        inert metadata_exchange_headers: Option<Json> [note Note::info(
            "workloads tell each other nothing of themselves in headers",
        )],
        /// `x-forwarded-host`.
        refused x_forwarded_host: Option<Json>,
        /// `x-forwarded-port`.
        refused x_forwarded_port: Option<Json>,
        /// Whether names of HTTP/1.1 headers keep their case.
        refused preserve_http1_header_case: Option<Json>,
    }
}

message! {
    /// Whether a header is set.
    pub struct HeaderSwitch {
        /// It is not.
        supported disabled: Option<bool>,
    }
}

message! {
    /// `server` of responses.
    pub struct ServerHeader {
        /// The application's own stays.
        supported disabled: Option<bool>,
        /// What it says instead.
        supported value: String,
    }
}

message! {
    /// A document of kind `ProxyConfig`: settings of the proxies of a namespace, or of those that it selects.
    pub struct WorkloadProxyConfig {
        /// Whose proxies; without it, all of the namespace.
        supported selector: Option<LabelSelector>,
        /// Worker threads; 0 is one per core.
        supported concurrency: Option<i32>,
        /// As `proxyMetadata`.
        supported environment_variables: TextMap<String>,
        /// Which image is injected.
        inert image: Option<Json> [note Note::info("nothing is injected")],
    }
}
