//! Random destination rules.

use crate::parity::draw::Draw;

/// Policy and subsets for `host`.
pub(in crate::parity) fn destination_rule(host: &str, draw: &mut Draw) -> String {
    let top = policy(draw, true);
    let subset =
        if draw.percent(60) { format!(", trafficPolicy: {{{}}}", policy(draw, true)) } else { String::new() };
    format!(
        "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {}, namespace: default}}
spec:
  host: {host}
  exportTo: ['*']
  trafficPolicy: {{{top}}}
  subsets:
  - {{name: v1, labels: {{version: v1}}{subset}}}
  - {{name: v2, labels: {{version: v2}}}}
---
",
        host.replace('.', "-")
    )
}

fn policy(draw: &mut Draw, with_ports: bool) -> String {
    let mut of = vec![format!("loadBalancer: {{{}}}", balancer(draw))];
    if draw.percent(50) {
        of.push(format!("connectionPool: {{{}}}", pool(draw)));
    }
    if draw.percent(40) {
        of.push(format!("outlierDetection: {{{}}}", outlier(draw)));
    }
    if with_ports && draw.percent(45) {
        of.push(format!("portLevelSettings: [{{port: {{number: 8081}}, {}}}]", policy(draw, false)));
    }
    if with_ports && draw.percent(15) {
        of.push("retryBudget: {percent: 50, minRetryConcurrency: 3, budgetInterval: 1s}".to_owned());
    }
    of.join(", ")
}

fn balancer(draw: &mut Draw) -> String {
    let how = draw.one(&[
        "simple: LEAST_REQUEST",
        "simple: ROUND_ROBIN",
        "simple: RANDOM",
        "simple: LEAST_CONN",
        "simple: UNSPECIFIED",
        "consistentHash: {httpHeaderName: x-user}",
        "consistentHash: {httpQueryParameterName: page, maglev: {tableSize: 101}}",
        "consistentHash: {httpCookie: {name: user}, ringHash: {minimumRingSize: 64}}",
        "consistentHash: {httpCookie: {name: sticky, path: /, ttl: 60s, attributes: [{name: SameSite, value: Lax}]}}",
        "consistentHash: {httpHeaderName: x-canary, minimumRingSize: 128}",
    ]);
    let locality = draw.one(&[
        "",
        "",
        "",
        ", localityLbSetting: {enabled: false}",
        ", localityLbSetting: {distribute: [{from: here/*, to: {here/*: 80, there/*: 20}}]}",
        ", localityLbSetting: {failover: [{from: here, to: there}]}",
        ", localityLbSetting: {failoverPriority: [version=v1]}",
    ]);
    format!("{how}{locality}")
}

pub(super) fn pool(draw: &mut Draw) -> String {
    let tcp = draw.one(&[
        "tcp: {maxConnections: 4, connectTimeout: 5s}",
        "tcp: {tcpKeepalive: {probes: 3, time: 60s, interval: 10s}, idleTimeout: 600s}",
        "tcp: {maxConnectionDuration: 600s}",
    ]);
    let http = draw.one(&[
        "http: {http1MaxPendingRequests: 8, http2MaxRequests: 16}",
        "http: {maxRequestsPerConnection: 1}",
        "http: {maxRequestsPerConnection: 7, maxRetries: 2}",
        "http: {idleTimeout: 300s, maxConcurrentStreams: 10}",
        "http: {h2UpgradePolicy: UPGRADE}",
        "http: {h2UpgradePolicy: DO_NOT_UPGRADE, http2KeepAlive: {interval: 60s, timeout: 5s}}",
        "http: {useClientProtocol: true}",
        "http: {h2UpgradePolicy: DEFAULT}",
    ]);
    match draw.below(3) {
        0 => tcp.to_owned(),
        1 => http.to_owned(),
        _ => format!("{tcp}, {http}"),
    }
}

pub(super) fn outlier(draw: &mut Draw) -> String {
    let counts = draw.one(&[
        "consecutive5xxErrors: 3",
        "consecutiveGatewayErrors: 2, consecutive5xxErrors: 0",
        "splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2",
        "consecutive5xxErrors: 2, outlierDetectionHttpErrorCodes: [404, 429]",
    ]);
    let share = draw.one(&[
        "maxEjectionPercent: 100",
        "maxEjectionPercent: 50",
        "maxEjectionPercent: 100, minHealthPercent: 50",
    ]);
    format!("{counts}, interval: 600s, baseEjectionTime: 600s, {share}")
}
