//! `DestinationRule`: how a destination is called (DR, OD, TL).

use std::time::Duration;

use super::{ConnectionPoolSettings, LoadBalancerSettings, PortSelector};
use crate::api::message::{Note, enumeration, message};
use crate::diagnostic::Code;
use crate::text_map::TextMap;

message! {
    /// Policies for the traffic to one host.
    pub struct DestinationRule {
        /// The host (H-1).
        supported host: String,
        /// For all its ports and subsets.
        supported traffic_policy: Option<Box<TrafficPolicy>>,
        /// Named parts of its endpoints.
        supported subsets: Vec<Subset>,
        /// Namespaces that see this resource (N-4).
        supported export_to: Vec<String>,
        /// Only for these calling workloads (DR-4).
        supported workload_selector: Option<LabelSelector>,
    }
}

message! {
    /// Labels that a workload must have.
    pub struct LabelSelector {
        /// Name and value of each.
        supported match_labels: TextMap<String>,
    }
}

message! {
    /// Policies for traffic.
    pub struct TrafficPolicy {
        /// Which endpoint.
        supported load_balancer: Option<LoadBalancerSettings>,
        /// How much at once.
        supported connection_pool: Option<ConnectionPoolSettings>,
        /// When to leave an endpoint out.
        supported outlier_detection: Option<OutlierDetection>,
        /// TLS to the endpoint.
        supported tls: Option<ClientTlsSettings>,
        /// By port.
        supported port_level_settings: Vec<PortTrafficPolicy>,
        /// Tunnel TCP through HTTP.
        refused tunnel: Option<TunnelSettings>,
        /// Begin connections with a PROXY header.
        refused proxy_protocol: Option<ProxyProtocol>,
        /// Share of requests that may be retries.
        supported retry_budget: Option<RetryBudget>,
    }
}

message! {
    /// Policies for one port. They replace the rule's own (DR-6).
    pub struct PortTrafficPolicy {
        /// Which port.
        supported port: Option<PortSelector>,
        /// Which endpoint.
        supported load_balancer: Option<LoadBalancerSettings>,
        /// How much at once.
        supported connection_pool: Option<ConnectionPoolSettings>,
        /// When to leave an endpoint out.
        supported outlier_detection: Option<OutlierDetection>,
        /// TLS to the endpoint.
        supported tls: Option<ClientTlsSettings>,
    }
}

message! {
    /// A tunnel for TCP.
    pub struct TunnelSettings {
        /// `CONNECT` or `POST`.
        supported protocol: String,
        /// Host at the far end.
        supported target_host: String,
        /// Port at the far end.
        supported target_port: u32,
    }
}

message! {
    /// PROXY protocol to the endpoint.
    pub struct ProxyProtocol {
        /// Which version.
        supported version: ProxyProtocolVersion,
    }
}

enumeration! {
    /// Version of the PROXY protocol.
    pub enum ProxyProtocolVersion {
        /// Text.
        supported V1 = 0 ["V1"],
        /// Binary.
        supported V2 = 1 ["V2"],
    }
}

message! {
    /// Share of requests that may be retries (CB-8).
    pub struct RetryBudget {
        /// Of active and pending requests.
        supported percent: Option<f64>,
        /// Always allowed at once.
        supported min_retry_concurrency: Option<u32>,
        /// Requests begun within it count too.
        supported budget_interval: Option<Duration>,
    }
}

message! {
    /// A named part of a service's endpoints.
    pub struct Subset {
        /// Name.
        supported name: String,
        /// Labels that its endpoints have.
        supported labels: TextMap<String>,
        /// Policies that replace the rule's, block by block.
        supported traffic_policy: Option<Box<TrafficPolicy>>,
    }
}

message! {
    /// When to leave an endpoint out (OD).
    pub struct OutlierDetection {
        /// No longer has an effect.
        inert consecutive_errors: Option<i32> [note Note::warning("Istio takes no notice of it either")
            .code(Code::Deprecated).hint("write `consecutive5xxErrors` or `consecutiveGatewayErrors`")],
        /// Count local failures apart.
        supported split_external_local_origin_errors: bool,
        /// Local failures in a row.
        supported consecutive_local_origin_failures: Option<u32>,
        /// 502, 503 or 504 in a row.
        supported consecutive_gateway_errors: Option<u32>,
        /// 5xx in a row; 0 switches it off, unset is 5.
        supported consecutive_5xx_errors: Option<u32>,
        /// Time between looks.
        supported interval: Option<Duration>,
        /// Shortest ejection.
        supported base_ejection_time: Option<Duration>,
        /// Most endpoints ejected; unset is 10.
        supported max_ejection_percent: Option<i32>,
        /// Below it all endpoints are used.
        supported min_health_percent: Option<i32>,
        /// Codes in place of 5xx.
        supported outlier_detection_http_error_codes: Vec<u32>,
    }
}

message! {
    /// TLS to the endpoint (TL).
    pub struct ClientTlsSettings {
        /// How.
        supported mode: ClientTlsMode,
        /// File of our certificate.
        refused client_certificate: String,
        /// File of our key.
        refused private_key: String,
        /// File of the authorities to verify the server by.
        supported ca_certificates: String,
        /// Secret with the above.
        refused credential_name: String,
        /// Names that the server may present.
        supported subject_alt_names: Vec<String>,
        /// Server name to ask for.
        supported sni: String,
        /// Do not verify.
        supported insecure_skip_verify: Option<bool>,
        /// File of revoked certificates.
        refused ca_crl: String,
    }
}

enumeration! {
    /// How the endpoint is called.
    pub enum ClientTlsMode {
        /// Without TLS.
        supported Disable = 0 ["DISABLE"],
        /// With TLS.
        supported Simple = 1 ["SIMPLE"],
        /// With TLS and our certificate.
        refused Mutual = 2 ["MUTUAL"],
        /// With TLS and the mesh's certificate.
        refused IstioMutual = 3 ["ISTIO_MUTUAL"],
    }
}
