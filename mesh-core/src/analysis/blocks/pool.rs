//! Connection pools and retry budgets (CB-2 to CB-4, CB-8): of a DestinationRule, a Sidecar, the mesh config.

use super::{PolicyResult, located};
use crate::api::istio::{
    ConnectionPoolSettings, H2UpgradePolicy, HttpSettings, RetryBudget as WrittenBudget, TcpKeepalive,
    TcpSettings,
};
use crate::circuit::{
    BudgetParts, CircuitPolicy, HttpParts, Keepalive, PingParts, PoolParts, RetryBudget, TcpParts,
};

/// The policy with what a pool says, on top of `base`.
pub(crate) fn pool(written: &ConnectionPoolSettings, base: CircuitPolicy) -> PolicyResult<CircuitPolicy> {
    let (tcp, http) = (written.tcp.as_ref(), written.http.as_ref());
    let parts = PoolParts { tcp: tcp.map(self::tcp), http: http.map(self::http) };
    base.with_pool(parts).map_err(|errors| {
        let keepalive = tcp.and_then(|tcp| tcp.tcp_keepalive.as_ref());
        let pings = http.and_then(|http| http.http2_keep_alive.as_ref());
        let blocks = [
            ("", Some(&written.at)),
            ("tcp", tcp.map(|tcp| &tcp.at)),
            ("tcp.tcpKeepalive", keepalive.map(|keepalive| &keepalive.at)),
            ("http", http.map(|http| &http.at)),
            ("http.http2KeepAlive", pings.map(|pings| &pings.at)),
        ];
        located(errors, &blocks)
    })
}

/// TCP keepalive; 0 probes are unset.
pub(crate) fn keepalive(written: &TcpKeepalive) -> Keepalive {
    Keepalive {
        probes: Some(written.probes).filter(|probes| *probes > 0),
        time: written.time,
        interval: written.interval,
    }
}

/// A retry budget as written.
pub(crate) fn budget(written: &WrittenBudget) -> PolicyResult<RetryBudget> {
    let parts = BudgetParts {
        percent: written.percent,
        min_retry_concurrency: written.min_retry_concurrency,
        budget_interval: written.budget_interval,
    };
    RetryBudget::of_parts(parts).map_err(|errors| located(errors, &[("", Some(&written.at))]))
}

fn tcp(written: &TcpSettings) -> TcpParts {
    TcpParts {
        max_connections: written.max_connections,
        connect_timeout: written.connect_timeout,
        tcp_keepalive: written.tcp_keepalive.as_ref().map(keepalive),
        max_connection_duration: written.max_connection_duration,
        idle_timeout: written.idle_timeout,
    }
}

fn http(written: &HttpSettings) -> HttpParts {
    HttpParts {
        http1_max_pending_requests: written.http1_max_pending_requests,
        http2_max_requests: written.http2_max_requests,
        max_requests_per_connection: written.max_requests_per_connection,
        max_retries: written.max_retries,
        max_concurrent_streams: written.max_concurrent_streams,
        idle_timeout: written.idle_timeout,
        h2_upgrade: match written.h2_upgrade_policy {
            H2UpgradePolicy::Default => None,
            H2UpgradePolicy::DoNotUpgrade => Some(false),
            H2UpgradePolicy::Upgrade => Some(true),
        },
        use_client_protocol: written.use_client_protocol,
        http2_keep_alive: (written.http2_keep_alive.as_ref())
            .map(|pings| PingParts { interval: pings.interval, timeout: pings.timeout }),
    }
}
