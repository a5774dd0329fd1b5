//! Policies of a destination from their written blocks (CB, OD, LB, TL): defaults are applied here and nowhere else.

use super::destination_rules::Blocks;
use super::keys;
use crate::api::istio::{
    ClientTlsMode, ConnectionPoolSettings, H2UpgradePolicy, OutlierDetection, SimpleLb, TcpKeepalive,
};
use crate::balance::{BalancePolicy, WarmUp};
use crate::circuit::{CircuitPolicy, Http2Keepalive, Keepalive, RetryBudget};
use crate::error::Origin;
use crate::outlier::OutlierPolicy;
use crate::plan::ClientTls;
use crate::plan::compile::inputs::settings::Mesh;
use crate::units::Percent;

/// Limits and timeouts; 0 is "unset" for numbers (CB-1 to CB-3).
pub(crate) fn circuit(blocks: &Blocks<'_>, mesh: &Mesh<'_>, origin: &Origin) -> CircuitPolicy {
    let mut policy = CircuitPolicy { origin: origin.clone(), ..CircuitPolicy::default() };
    policy.connect_timeout = mesh.connect_timeout.unwrap_or(policy.connect_timeout);
    policy.tcp_keepalive = mesh.tcp_keepalive.map(keepalive);
    policy.h2_upgrade = mesh.h2_upgrade;
    policy.max_fields = mesh.settings.max_fields;
    if let Some(pool) = blocks.pool {
        apply_pool(&mut policy, pool);
    }
    if let Some(budget) = blocks.budget {
        let default = RetryBudget::default();
        policy.retry_budget = Some(RetryBudget {
            percent: budget.percent.and_then(|value| Percent::new(value).ok()).unwrap_or(default.percent),
            min_retry_concurrency: budget.min_retry_concurrency.unwrap_or(default.min_retry_concurrency),
            interval: budget.budget_interval.unwrap_or(default.interval),
        });
    }
    policy
}

fn apply_pool(policy: &mut CircuitPolicy, pool: &ConnectionPoolSettings) {
    let limit = |value: i32, default: u32| u32::try_from(value).ok().filter(|v| *v > 0).unwrap_or(default);
    let mut idle = None;
    if let Some(tcp) = &pool.tcp {
        policy.max_connections = limit(tcp.max_connections, policy.max_connections);
        policy.connect_timeout = tcp.connect_timeout.unwrap_or(policy.connect_timeout);
        policy.tcp_keepalive = tcp.tcp_keepalive.as_ref().map(keepalive).or(policy.tcp_keepalive);
        policy.max_connection_duration = tcp.max_connection_duration;
        idle = tcp.idle_timeout;
    }
    if let Some(http) = &pool.http {
        policy.max_pending_requests = limit(http.http1_max_pending_requests, policy.max_pending_requests);
        policy.max_requests = limit(http.http2_max_requests, policy.max_requests);
        policy.max_retries = limit(http.max_retries, policy.max_retries);
        policy.max_requests_per_connection =
            u32::try_from(http.max_requests_per_connection).ok().filter(|value| *value > 0);
        policy.max_concurrent_streams = limit(http.max_concurrent_streams, policy.max_concurrent_streams);
        policy.use_client_protocol = http.use_client_protocol;
        policy.h2_upgrade = match http.h2_upgrade_policy {
            H2UpgradePolicy::Default => policy.h2_upgrade,
            H2UpgradePolicy::DoNotUpgrade => false,
            H2UpgradePolicy::Upgrade => true,
        };
        policy.http2_keepalive = http
            .http2_keep_alive
            .as_ref()
            .and_then(|ping| Some(Http2Keepalive { interval: ping.interval?, timeout: ping.timeout? }));
        idle = http.idle_timeout.or(idle);
    }
    if let Some(idle) = idle {
        policy.idle_timeout = (!idle.is_zero()).then_some(idle);
    }
}

fn keepalive(written: &TcpKeepalive) -> Keepalive {
    Keepalive {
        probes: Some(written.probes).filter(|probes| *probes > 0),
        time: written.time,
        interval: written.interval,
    }
}

/// Outlier detection with OD-1's defaults.
pub(crate) fn outlier(written: &OutlierDetection, origin: Origin) -> OutlierPolicy {
    let default = OutlierPolicy::default();
    let percent = |value: Option<i32>, default: u32| {
        value.and_then(|value| u32::try_from(value).ok()).map_or(default, |value| value.min(100))
    };
    OutlierPolicy {
        consecutive_5xx: written.consecutive_5xx_errors.unwrap_or(default.consecutive_5xx),
        consecutive_gateway: written.consecutive_gateway_errors.unwrap_or(default.consecutive_gateway),
        split_local_origin: written.split_external_local_origin_errors,
        consecutive_local: written.consecutive_local_origin_failures.unwrap_or(default.consecutive_local),
        error_codes: written
            .outlier_detection_http_error_codes
            .iter()
            .filter_map(|code| u16::try_from(*code).ok())
            .map(|code| code..=code)
            .collect(),
        interval: written.interval.unwrap_or(default.interval),
        base_ejection_time: written.base_ejection_time.unwrap_or(default.base_ejection_time),
        max_ejection_percent: percent(written.max_ejection_percent, default.max_ejection_percent),
        min_health_percent: percent(written.min_health_percent, default.min_health_percent),
        origin,
    }
}

/// How an endpoint is picked (LB-1).
pub(crate) fn balance(blocks: &Blocks<'_>) -> BalancePolicy {
    if let Some(hash) = blocks.balancer.and_then(|balancer| balancer.consistent_hash.as_ref()) {
        return keys::algorithm(hash);
    }
    match blocks.balancer.and_then(|balancer| balancer.simple) {
        None | Some(SimpleLb::Unspecified | SimpleLb::LeastConn | SimpleLb::LeastRequest) => {
            BalancePolicy::LeastRequest
        }
        Some(SimpleLb::RoundRobin) => BalancePolicy::RoundRobin,
        Some(SimpleLb::Random) => BalancePolicy::Random,
        Some(SimpleLb::Passthrough) => BalancePolicy::Passthrough,
    }
}

/// How new endpoints get their share: only policies that go by weight can say (LB-15).
pub(crate) fn warm_up(blocks: &Blocks<'_>, balance: BalancePolicy) -> Option<WarmUp> {
    if !matches!(balance, BalancePolicy::LeastRequest | BalancePolicy::RoundRobin) {
        return None;
    }
    let balancer = blocks.balancer?;
    let Some(written) = &balancer.warmup else {
        return Some(WarmUp::new(balancer.warmup_duration_secs?));
    };
    // Validated: both are what they should be.
    let mut warm_up = WarmUp::new(written.duration?);
    if let Some(percent) = written.minimum_percent {
        warm_up = warm_up.minimum(percent / 100.0).unwrap_or(warm_up);
    }
    if let Some(aggression) = written.aggression {
        warm_up = warm_up.aggression(aggression).unwrap_or(warm_up);
    }
    Some(warm_up)
}

/// TLS to the endpoints (TL-1, TL-3); `service` are the names that a ServiceEntry expects (SE-9).
pub(crate) fn tls(blocks: &Blocks<'_>, service: &[String]) -> Option<ClientTls> {
    let written = blocks.tls?;
    match written.mode {
        ClientTlsMode::Disable => None,
        ClientTlsMode::Simple | ClientTlsMode::Mutual | ClientTlsMode::IstioMutual => {
            let names = &written.subject_alt_names;
            Some(ClientTls {
                sni: (!written.sni.is_empty()).then(|| written.sni.as_str().into()),
                subject_alt_names: if names.is_empty() { service.to_vec() } else { names.clone() },
                ca_certificates: (!written.ca_certificates.is_empty())
                    .then(|| written.ca_certificates.clone()),
                insecure_skip_verify: written.insecure_skip_verify.unwrap_or_default(),
            })
        }
    }
}
