//! The blocks of a traffic policy (CB, OD, TL, LB), and destinations.

use super::{Check, consistent_hash, hosts, locality, text};
use crate::api::At;
use crate::api::istio::{
    ClientTlsMode, ClientTlsSettings, ConnectionPoolSettings, Destination, H2UpgradePolicy, HttpSettings,
    LoadBalancerSettings, OutlierDetection, RetryBudget, SimpleLb, TcpSettings, WarmupConfiguration,
};
use crate::diagnostic::Code;

/// VA-1.
pub(super) fn destination(to: &Destination, check: &mut Check<'_>) {
    if to.host == "*" {
        check.error(to.at.field("host"), "a destination must be one host");
    } else {
        hosts::host(check, to.at.field("host"), &to.host);
    }
    subset_and_port(to, check);
}

pub(super) fn subset_and_port(to: &Destination, check: &mut Check<'_>) {
    if !to.subset.is_empty() && !text::is_label(&to.subset) {
        check.error(to.at.field("subset"), format!("`{}` is not a DNS-1123 label", to.subset));
    }
    if let Some(port) = &to.port {
        check.port(&port.at, "number", port.number);
    }
}

/// CB-2 to CB-4.
pub(super) fn connection_pool(pool: &ConnectionPoolSettings, check: &mut Check<'_>) {
    if pool.tcp.is_none() && pool.http.is_none() {
        check.error(pool.at.origin(), "one of `tcp` and `http` is needed");
    }
    if let Some(tcp) = &pool.tcp {
        self::tcp(tcp, check);
    }
    if let Some(http) = &pool.http {
        self::http(http, check);
    }
}

fn tcp(tcp: &TcpSettings, check: &mut Check<'_>) {
    let at = &tcp.at;
    check.not_negative(at, "maxConnections", tcp.max_connections);
    check.duration(at, "connectTimeout", tcp.connect_timeout);
    check.duration(at, "maxConnectionDuration", tcp.max_connection_duration);
    // Less than a millisecond is off.
    check.duration(at, "idleTimeout", tcp.idle_timeout.filter(|timeout| timeout.as_millis() > 0));
    if let Some(keepalive) = &tcp.tcp_keepalive {
        check.duration(&keepalive.at, "time", keepalive.time);
        check.duration(&keepalive.at, "interval", keepalive.interval);
    }
}

fn http(http: &HttpSettings, check: &mut Check<'_>) {
    let at = &http.at;
    for (field, value) in [
        ("http1MaxPendingRequests", http.http1_max_pending_requests),
        ("http2MaxRequests", http.http2_max_requests),
        ("maxRequestsPerConnection", http.max_requests_per_connection),
        ("maxRetries", http.max_retries),
        ("maxConcurrentStreams", http.max_concurrent_streams),
    ] {
        check.not_negative(at, field, value);
    }
    check.duration(at, "idleTimeout", http.idle_timeout);
    if http.use_client_protocol && http.h2_upgrade_policy == H2UpgradePolicy::Upgrade {
        check.error(at.field("useClientProtocol"), "excludes `h2UpgradePolicy: UPGRADE`");
    }
    if let Some(keepalive) = &http.http2_keep_alive {
        for (field, value) in [("interval", keepalive.interval), ("timeout", keepalive.timeout)] {
            match value {
                Some(value) => check.duration(&keepalive.at, field, Some(value)),
                None => check.error(keepalive.at.origin(), format!("`{field}` is needed")),
            }
        }
    }
}

/// OD-1.
pub(super) fn outlier_detection(outlier: &OutlierDetection, check: &mut Check<'_>) {
    let at = &outlier.at;
    check.duration(at, "interval", outlier.interval);
    check.duration(at, "baseEjectionTime", outlier.base_ejection_time);
    percent(at, "maxEjectionPercent", outlier.max_ejection_percent.map(f64::from), check);
    percent(at, "minHealthPercent", outlier.min_health_percent.map(f64::from), check);
    if outlier.consecutive_local_origin_failures.is_some_and(|count| count > 0)
        && !outlier.split_external_local_origin_errors
    {
        let hint = "set `splitExternalLocalOriginErrors: true`";
        check.error_hint(
            at.field("consecutiveLocalOriginFailures"),
            "local failures are counted apart only when they are split off",
            hint,
        );
    }
    for (index, code) in outlier.outlier_detection_http_error_codes.iter().enumerate() {
        if !(100..=599).contains(code) {
            let origin = at.item("outlierDetectionHttpErrorCodes", index);
            check.error(origin, format!("must be a status from 100 to 599, not {code}"));
        }
    }
}

/// CB-8.
pub(super) fn retry_budget(budget: &RetryBudget, check: &mut Check<'_>) {
    percent(&budget.at, "percent", budget.percent, check);
}

pub(super) fn percent(at: &At, field: &str, value: Option<f64>, check: &mut Check<'_>) {
    if let Some(value) = value.filter(|value| !(0.0..=100.0).contains(value)) {
        check.error(at.field(field), format!("must be between 0 and 100, not {value}"));
    }
}

/// TL-2.
pub(super) fn client_tls(tls: &ClientTlsSettings, check: &mut Check<'_>) {
    let at = &tls.at;
    let by_name = !tls.credential_name.is_empty();
    let verifies = !tls.ca_certificates.is_empty() || !tls.subject_alt_names.is_empty();
    let originates = matches!(tls.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual);
    if originates && tls.insecure_skip_verify == Some(true) && verifies {
        let message = "excludes `caCertificates` and `subjectAltNames`: nothing would be verified by them";
        check.error(at.field("insecureSkipVerify"), message);
    }
    if originates && by_name {
        for (field, path) in [
            ("clientCertificate", &tls.client_certificate),
            ("privateKey", &tls.private_key),
            ("caCertificates", &tls.ca_certificates),
        ] {
            if !path.is_empty() {
                check.error(at.field(field), "excludes `credentialName`");
            }
        }
    }
    let certificate = !tls.client_certificate.is_empty() && !tls.private_key.is_empty();
    match tls.mode {
        ClientTlsMode::Mutual if !certificate && !by_name => {
            check
                .error(at.origin(), "MUTUAL needs `clientCertificate` and `privateKey`, or `credentialName`");
        }
        ClientTlsMode::IstioMutual => {
            for (field, value) in [
                ("clientCertificate", &tls.client_certificate),
                ("privateKey", &tls.private_key),
                ("caCertificates", &tls.ca_certificates),
                ("credentialName", &tls.credential_name),
            ] {
                if !value.is_empty() {
                    check.error(at.field(field), "ISTIO_MUTUAL uses the certificates of the mesh");
                }
            }
        }
        ClientTlsMode::Disable | ClientTlsMode::Simple | ClientTlsMode::Mutual => {}
    }
}

/// LB-6 to LB-8, LB-12, LB-15.
pub(super) fn load_balancer(balancer: &LoadBalancerSettings, check: &mut Check<'_>) {
    if let Some(hash) = &balancer.consistent_hash {
        consistent_hash::consistent_hash(hash, check);
    }
    if let Some(setting) = &balancer.locality_lb_setting {
        locality::setting(setting, check);
        if balancer.zone_aware_lb_setting.is_some() {
            check.error(setting.at.origin(), "excludes `zoneAwareLbSetting`");
        }
    }
    check.duration_from_1ms(&balancer.at, "warmupDurationSecs", balancer.warmup_duration_secs);
    if balancer.warmup.is_some() && balancer.warmup_duration_secs.is_some() {
        let origin = balancer.at.field("warmupDurationSecs");
        check.note(Code::SchemaWarning, origin, "`warmup` stands in its place");
    }
    let by_weight = balancer.consistent_hash.is_none()
        && !matches!(balancer.simple, Some(SimpleLb::Random | SimpleLb::Passthrough));
    for (field, written) in [
        ("warmup", balancer.warmup.is_some()),
        ("warmupDurationSecs", balancer.warmup_duration_secs.is_some()),
    ] {
        if written && !by_weight {
            let message = "only ROUND_ROBIN and LEAST_REQUEST warm endpoints up";
            check.note(Code::SchemaWarning, balancer.at.field(field), message);
        }
    }
    if let Some(warmup) = &balancer.warmup {
        self::warmup(warmup, check);
    }
}

fn warmup(warmup: &WarmupConfiguration, check: &mut Check<'_>) {
    let at = &warmup.at;
    if warmup.duration.is_none() {
        check.error(at.origin(), "`duration` is needed");
    }
    check.duration(at, "duration", warmup.duration);
    percent(at, "minimumPercent", warmup.minimum_percent, check);
    if warmup.aggression.is_some_and(|aggression| aggression.is_nan() || aggression <= 0.0) {
        check.error(at.field("aggression"), "must be > 0");
    }
}

/// OD-6, told where it is certain from the block alone.
pub(super) fn never_ejects(outlier: &OutlierDetection, check: &mut Check<'_>) {
    let off = outlier.consecutive_5xx_errors == Some(0)
        && outlier.consecutive_gateway_errors.unwrap_or(0) == 0
        && !outlier.split_external_local_origin_errors;
    if off || outlier.max_ejection_percent == Some(0) {
        let field = if off { "consecutive5xxErrors" } else { "maxEjectionPercent" };
        check.note(
            Code::OutlierDetectionNeverEjects,
            outlier.at.field(field),
            "with this no endpoint is ever ejected",
        );
    }
}
