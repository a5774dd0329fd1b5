//! `DestinationRule`: how a destination is called (DR, LB, CB, OD, TL).

use std::collections::BTreeMap;
use std::time::Duration;

use super::PortSelector;
use crate::api::message::{enumeration, message};

message! {
    /// Policies for the traffic to one host.
    pub struct DestinationRule {
        /// The host (H-1).
        supported host: String,
        /// For all its ports and subsets.
        supported traffic_policy: Option<TrafficPolicy>,
        /// Named parts of its endpoints.
        supported subsets: Vec<Subset>,
        /// Namespaces that see this resource (N-4).
        supported export_to: Vec<String>,
        /// Only for these calling workloads (DR-4).
        refused workload_selector: Option<LabelSelector>,
    }
}

message! {
    /// Labels that a workload must have.
    pub struct LabelSelector {
        /// Name and value of each.
        supported match_labels: BTreeMap<String, String>,
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
        supported labels: BTreeMap<String, String>,
        /// Policies that replace the rule's, block by block.
        supported traffic_policy: Option<TrafficPolicy>,
    }
}

message! {
    /// Which endpoint gets a request (LB).
    pub struct LoadBalancerSettings {
        /// By one of the simple methods.
        supported simple: Option<SimpleLb> [oneof lb_policy],
        /// By a hash of the request.
        refused consistent_hash: Option<ConsistentHashLb> [oneof lb_policy],
        /// By distance; replaces the mesh's whole setting.
        refused locality_lb_setting: Option<LocalityLoadBalancerSetting>,
        /// By zone, automatically.
        refused zone_aware_lb_setting: Option<ZoneAwareLoadBalancerSetting>,
        /// Raise the share of new endpoints slowly.
        refused warmup_duration_secs: Option<Duration>,
        /// Raise the share of new endpoints slowly.
        refused warmup: Option<WarmupConfiguration>,
    }
}

enumeration! {
    /// A simple way to choose (LB-1).
    pub enum SimpleLb {
        /// Least requests.
        supported Unspecified = 0 ["UNSPECIFIED"],
        /// Least requests, under its old name.
        supported LeastConn = 1 ["LEAST_CONN"],
        /// Any.
        supported Random = 2 ["RANDOM"],
        /// The address that the caller dialled.
        supported Passthrough = 3 ["PASSTHROUGH"],
        /// One after the other.
        supported RoundRobin = 4 ["ROUND_ROBIN"],
        /// The less busy of two.
        supported LeastRequest = 5 ["LEAST_REQUEST"],
    }
}

message! {
    /// The same endpoint for the same key (LB-5).
    pub struct ConsistentHashLb {
        /// Key: a header.
        supported http_header_name: Option<String> [oneof hash_key],
        /// Key: a cookie.
        supported http_cookie: Option<HttpCookie> [oneof hash_key],
        /// Key: the caller's address.
        supported use_source_ip: Option<bool> [oneof hash_key],
        /// Key: a query parameter.
        supported http_query_parameter_name: Option<String> [oneof hash_key],
        /// On a ring.
        supported ring_hash: Option<RingHash> [oneof hash_algorithm],
        /// By table.
        supported maglev: Option<MagLev> [oneof hash_algorithm],
        /// Old place of `ringHash.minimumRingSize`.
        deprecated minimum_ring_size: Option<u64>,
    }
}

message! {
    /// Ring hash (LB-7).
    pub struct RingHash {
        /// Fewest points on the ring.
        supported minimum_ring_size: Option<u64>,
    }
}

message! {
    /// Maglev (LB-8).
    pub struct MagLev {
        /// Slots; a prime.
        supported table_size: Option<u64>,
    }
}

message! {
    /// A cookie as hash key (LB-6).
    pub struct HttpCookie {
        /// Its name.
        supported name: String,
        /// Its path.
        supported path: String,
        /// How long it lives; makes us set it when it is missing.
        supported ttl: Option<Duration>,
        /// Further attributes.
        supported attributes: Vec<HttpCookieAttribute>,
    }
}

message! {
    /// An attribute of a cookie.
    pub struct HttpCookieAttribute {
        /// Its name.
        supported name: String,
        /// Its value.
        supported value: String,
    }
}

message! {
    /// Balancing by locality (LB-9 and following).
    pub struct LocalityLoadBalancerSetting {
        /// Shares by locality.
        supported distribute: Vec<Distribute>,
        /// Region to go to when one fails.
        supported failover: Vec<Failover>,
        /// Labels that order endpoints.
        supported failover_priority: Vec<String>,
        /// Whether it is on.
        supported enabled: Option<bool>,
    }
}

message! {
    /// Shares of the traffic from one locality.
    pub struct Distribute {
        /// The callers' locality.
        supported from: String,
        /// Percent by locality.
        supported to: BTreeMap<String, u32>,
    }
}

message! {
    /// Region to go to when one fails.
    pub struct Failover {
        /// The callers' region.
        supported from: String,
        /// The other one.
        supported to: String,
    }
}

message! {
    /// Zone-aware balancing (LB-16).
    pub struct ZoneAwareLoadBalancerSetting {
        /// Whether it is on.
        supported enabled: Option<bool>,
        /// Region to go to when one fails.
        supported failover: Vec<Failover>,
        /// Labels that order endpoints.
        supported failover_priority: Vec<String>,
        /// Fewest endpoints for it to act.
        supported min_cluster_size: Option<u64>,
    }
}

message! {
    /// Slow start (LB-15).
    pub struct WarmupConfiguration {
        /// How long.
        supported duration: Option<Duration>,
        /// Share at the beginning.
        supported minimum_percent: Option<f64>,
        /// Shape of the curve.
        supported aggression: Option<f64>,
    }
}

message! {
    /// Limits for a destination (CB).
    pub struct ConnectionPoolSettings {
        /// For HTTP and TCP.
        supported tcp: Option<TcpSettings>,
        /// For HTTP.
        supported http: Option<HttpSettings>,
    }
}

message! {
    /// Limits on connections (CB-2). 0 is "unset".
    pub struct TcpSettings {
        /// Most connections.
        supported max_connections: i32,
        /// Limit for connecting.
        supported connect_timeout: Option<Duration>,
        /// Keep-alive by the kernel.
        supported tcp_keepalive: Option<TcpKeepalive>,
        /// Longest life of a connection.
        supported max_connection_duration: Option<Duration>,
        /// Longest idle time of a connection; 0s switches it off.
        supported idle_timeout: Option<Duration>,
    }
}

message! {
    /// Keep-alive by the kernel.
    pub struct TcpKeepalive {
        /// Unanswered probes until the connection is dead.
        supported probes: u32,
        /// Idle time before the first.
        supported time: Option<Duration>,
        /// Time between probes.
        supported interval: Option<Duration>,
    }
}

message! {
    /// Limits on requests (CB-3). 0 is "unset".
    pub struct HttpSettings {
        /// Most requests waiting for a connection.
        supported http1_max_pending_requests: i32,
        /// Most requests at once.
        supported http2_max_requests: i32,
        /// Most requests on one connection.
        supported max_requests_per_connection: i32,
        /// Most retries at once.
        supported max_retries: i32,
        /// Longest idle time of a connection.
        supported idle_timeout: Option<Duration>,
        /// Whether HTTP/1.1 becomes HTTP/2.
        supported h2_upgrade_policy: H2UpgradePolicy,
        /// Use the caller's protocol.
        supported use_client_protocol: bool,
        /// Most streams on one connection.
        supported max_concurrent_streams: i32,
        /// HTTP/2 pings.
        supported http2_keep_alive: Option<ConnectionKeepalive>,
    }
}

enumeration! {
    /// Whether HTTP/1.1 becomes HTTP/2.
    pub enum H2UpgradePolicy {
        /// As the mesh says.
        supported Default = 0 ["DEFAULT"],
        /// No.
        supported DoNotUpgrade = 1 ["DO_NOT_UPGRADE"],
        /// Yes.
        supported Upgrade = 2 ["UPGRADE"],
    }
}

message! {
    /// HTTP/2 pings.
    pub struct ConnectionKeepalive {
        /// Time between pings.
        supported interval: Option<Duration>,
        /// Limit for the answer.
        supported timeout: Option<Duration>,
    }
}

message! {
    /// When to leave an endpoint out (OD).
    pub struct OutlierDetection {
        /// No longer has an effect.
        deprecated consecutive_errors: Option<i32>,
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
