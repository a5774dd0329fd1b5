//! `trafficPolicy.loadBalancer`: which endpoint gets a request (LB).

use std::time::Duration;

use crate::api::message::{enumeration, message};
use crate::text_map::TextMap;

message! {
    /// Which endpoint gets a request (LB).
    pub struct LoadBalancerSettings {
        /// By one of the simple methods.
        supported simple: Option<SimpleLb> [oneof lb_policy],
        /// By a hash of the request.
        supported consistent_hash: Option<ConsistentHashLb> [oneof lb_policy],
        /// By what endpoints report of their load.
        refused backend_utilization: Option<BackendUtilization> [oneof lb_policy],
        /// By distance; replaces the mesh's whole setting.
        supported locality_lb_setting: Option<LocalityLoadBalancerSetting>,
        /// By zone, automatically.
        refused zone_aware_lb_setting: Option<ZoneAwareLoadBalancerSetting>,
        /// Raise the share of new endpoints slowly.
        supported warmup_duration_secs: Option<Duration>,
        /// Raise the share of new endpoints slowly.
        supported warmup: Option<WarmupConfiguration>,
    }
}

message! {
    /// Shares by what endpoints report of their load.
    pub struct BackendUtilization {
        /// How much errors weigh.
        supported error_utilization_penalty_percent: u32,
        /// Which reports count.
        supported metric_names_for_computing_utilization: Vec<String>,
        /// When a share without a report is forgotten.
        supported weight_expiration_period: Option<Duration>,
        /// How long an endpoint reports before its share counts.
        supported weight_stabilization_period: Option<Duration>,
        /// Time between changes of the shares.
        supported weight_update_period: Option<Duration>,
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
        supported to: TextMap<u32>,
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
