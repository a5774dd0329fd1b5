//! `trafficPolicy.connectionPool`: how much goes to a destination at once (CB).

use std::time::Duration;

use crate::api::message::{enumeration, message};

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
