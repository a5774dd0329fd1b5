//! A policy from its parts as the configuration has them (CB-2 to CB-4, CB-8).

use std::time::Duration;

use super::{CircuitPolicy, Http2Keepalive, Keepalive, RetryBudget};
use crate::field::{FieldError, FieldErrors};

/// The fields of a connection pool; `None` is not written, and so is 0 for a limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolParts {
    /// Of connections.
    pub tcp: Option<TcpParts>,
    /// Of requests.
    pub http: Option<HttpParts>,
}

/// The fields of a connection pool about connections. Durations are at least 1 ms and whole milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpParts {
    /// Connections at once.
    pub max_connections: i32,
    /// How long a connect may take.
    pub connect_timeout: Option<Duration>,
    /// TCP keepalive.
    pub tcp_keepalive: Option<Keepalive>,
    /// How old a connection may grow.
    pub max_connection_duration: Option<Duration>,
    /// How long a connection may stay unused, where the part of requests says nothing of it; 0 is without limit.
    pub idle_timeout: Option<Duration>,
}

/// The fields of a connection pool about requests. Durations are at least 1 ms and whole milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpParts {
    /// Requests that wait for a connection.
    pub http1_max_pending_requests: i32,
    /// Requests under way.
    pub http2_max_requests: i32,
    /// Requests that one connection serves.
    pub max_requests_per_connection: i32,
    /// Retries under way.
    pub max_retries: i32,
    /// Streams at once on one HTTP/2 connection.
    pub max_concurrent_streams: i32,
    /// How long a connection may stay unused.
    pub idle_timeout: Option<Duration>,
    /// Whether HTTP/1 requests are sent over HTTP/2.
    pub h2_upgrade: Option<bool>,
    /// Whether the caller's protocol is used upstream.
    pub use_client_protocol: bool,
    /// HTTP/2 PINGs.
    pub http2_keep_alive: Option<PingParts>,
}

/// When HTTP/2 PINGs are sent; both parts are needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct PingParts {
    /// Time between PINGs.
    pub interval: Option<Duration>,
    /// How long an answer may take.
    pub timeout: Option<Duration>,
}

/// The fields of a retry budget; `None` is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct BudgetParts {
    /// Retries as a share of the load, in percent.
    pub percent: Option<f64>,
    /// Retries that are always allowed.
    pub min_retry_concurrency: Option<u32>,
    /// How long a request counts.
    pub budget_interval: Option<Duration>,
}

impl CircuitPolicy {
    /// The same policy with what a connection pool says.
    ///
    /// # Errors
    /// Names each field that breaks a rule: a negative limit, a duration below 1 ms or of broken milliseconds, PINGs of
    /// which a part is missing, two protocols at once, a pool that says nothing.
    pub fn with_pool(mut self, parts: PoolParts) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if parts.tcp.is_none() && parts.http.is_none() {
            errors.push(FieldError::new("", "one of `tcp` and `http` is needed"));
        }
        let mut idle = None;
        if let Some(tcp) = parts.tcp {
            self.apply_tcp(tcp, &mut errors);
            idle = tcp.idle_timeout;
        }
        if let Some(http) = parts.http {
            self.apply_http(http, &mut errors);
            idle = http.idle_timeout.or(idle);
        }
        if let Some(idle) = idle {
            self.idle_timeout = (!idle.is_zero()).then_some(idle);
        }
        errors.or(self)
    }

    fn apply_tcp(&mut self, tcp: TcpParts, errors: &mut FieldErrors) {
        let max_connections = limit("tcp.maxConnections", tcp.max_connections, errors);
        self.max_connections = max_connections.unwrap_or(self.max_connections);
        errors.duration("tcp.connectTimeout", tcp.connect_timeout);
        self.connect_timeout = tcp.connect_timeout.unwrap_or(self.connect_timeout);
        errors.duration("tcp.maxConnectionDuration", tcp.max_connection_duration);
        self.max_connection_duration = tcp.max_connection_duration;
        // Less than a millisecond is off.
        errors.duration("tcp.idleTimeout", tcp.idle_timeout.filter(|timeout| timeout.as_millis() > 0));
        if let Some(keepalive) = tcp.tcp_keepalive {
            errors.duration("tcp.tcpKeepalive.time", keepalive.time);
            errors.duration("tcp.tcpKeepalive.interval", keepalive.interval);
            self.tcp_keepalive = Some(keepalive);
        }
    }

    fn apply_http(&mut self, http: HttpParts, errors: &mut FieldErrors) {
        let mut set = |path, value, field: &mut u32| {
            *field = limit(path, value, errors).unwrap_or(*field);
        };
        set("http.http1MaxPendingRequests", http.http1_max_pending_requests, &mut self.max_pending_requests);
        set("http.http2MaxRequests", http.http2_max_requests, &mut self.max_requests);
        set("http.maxRetries", http.max_retries, &mut self.max_retries);
        set("http.maxConcurrentStreams", http.max_concurrent_streams, &mut self.max_concurrent_streams);
        self.max_requests_per_connection =
            limit("http.maxRequestsPerConnection", http.max_requests_per_connection, errors);
        errors.duration("http.idleTimeout", http.idle_timeout);
        if http.use_client_protocol && http.h2_upgrade == Some(true) {
            errors.push(FieldError::new("http.useClientProtocol", "excludes `h2UpgradePolicy: UPGRADE`"));
        }
        self.use_client_protocol = http.use_client_protocol;
        self.h2_upgrade = http.h2_upgrade.unwrap_or(self.h2_upgrade);
        self.http2_keepalive = http.http2_keep_alive.and_then(|ping| pings(ping, errors));
    }
}

/// A limit; `None` is not written.
fn limit(path: &'static str, value: i32, errors: &mut FieldErrors) -> Option<u32> {
    errors.not_negative(path, value);
    u32::try_from(value).ok().filter(|value| *value > 0)
}

fn pings(parts: PingParts, errors: &mut FieldErrors) -> Option<Http2Keepalive> {
    for (path, name, value) in [
        ("http.http2KeepAlive.interval", "interval", parts.interval),
        ("http.http2KeepAlive.timeout", "timeout", parts.timeout),
    ] {
        match value {
            Some(value) => errors.duration(path, Some(value)),
            None => errors.push(FieldError::new("http.http2KeepAlive", format!("`{name}` is needed"))),
        }
    }
    Some(Http2Keepalive { interval: parts.interval?, timeout: parts.timeout? })
}

impl RetryBudget {
    /// The budget of these parts.
    ///
    /// # Errors
    /// If the share is no percentage.
    pub fn of_parts(parts: BudgetParts) -> Result<Self, FieldErrors> {
        let default = Self::default();
        let mut errors = FieldErrors::default();
        let percent = errors.percentage("percent", parts.percent);
        errors.or(Self {
            percent: percent.unwrap_or(default.percent),
            min_retry_concurrency: parts.min_retry_concurrency.unwrap_or(default.min_retry_concurrency),
            interval: parts.budget_interval.unwrap_or(default.interval),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(parts: PoolParts) -> String {
        CircuitPolicy::default().with_pool(parts).unwrap_err().to_string()
    }

    #[test]
    fn cb_2_zero_is_unset() {
        let base = CircuitPolicy { max_connections: 7, h2_upgrade: true, ..CircuitPolicy::default() };
        let parts = PoolParts { tcp: Some(TcpParts::default()), http: Some(HttpParts::default()) };
        assert_eq!(base.clone().with_pool(parts), Ok(base.clone()));
        let http =
            HttpParts { max_requests_per_connection: 1, h2_upgrade: Some(false), ..HttpParts::default() };
        let tcp = TcpParts { idle_timeout: Some(Duration::ZERO), ..TcpParts::default() };
        let made = base.with_pool(PoolParts { tcp: Some(tcp), http: Some(http) }).unwrap();
        assert_eq!((made.max_requests_per_connection, made.idle_timeout), (Some(1), None));
        assert_eq!((made.max_connections, made.h2_upgrade), (7, false));
    }

    #[test]
    fn cb_2_each_field_that_breaks_a_rule_is_named() {
        assert_eq!(refused(PoolParts::default()), "one of `tcp` and `http` is needed");
        let tcp = TcpParts {
            max_connections: -1,
            connect_timeout: Some(Duration::from_micros(1)),
            idle_timeout: Some(Duration::from_micros(1_500)),
            ..TcpParts::default()
        };
        let http = HttpParts {
            max_retries: -2,
            use_client_protocol: true,
            h2_upgrade: Some(true),
            http2_keep_alive: Some(PingParts { interval: Some(Duration::ZERO), timeout: None }),
            ..HttpParts::default()
        };
        assert_eq!(
            refused(PoolParts { tcp: Some(tcp), http: Some(http) }),
            "tcp.maxConnections: must be ≥ 0, not -1; \
             tcp.connectTimeout: a duration must be at least 1ms; \
             tcp.idleTimeout: a duration must be whole milliseconds; \
             http.maxRetries: must be ≥ 0, not -2; \
             http.useClientProtocol: excludes `h2UpgradePolicy: UPGRADE`; \
             http.http2KeepAlive.interval: a duration must be at least 1ms; \
             http.http2KeepAlive: `timeout` is needed"
        );
    }

    #[test]
    fn cb_8_a_budget_is_a_percentage() {
        let made = |percent| {
            RetryBudget::of_parts(BudgetParts { percent, ..BudgetParts::default() })
                .map(|budget| budget.percent.value())
                .map_err(|errors| errors.to_string())
        };
        assert_eq!(made(None), Ok(20.0));
        assert_eq!(made(Some(0.000_01)), Ok(0.0));
        assert_eq!(made(Some(-1.0)).unwrap_err(), "percent: must be between 0 and 100, not -1");
        assert!(made(Some(f64::NAN)).is_err());
    }
}
