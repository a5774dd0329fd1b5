//! A random mesh config: the defaults where rules and policies set nothing, and the log.

use std::fmt::Write as _;

use mesh_tests::config::mesh_config;

use super::policy;
use crate::parity::draw::Draw;

/// Stands for the file of the access log, which is not the same for both.
pub(in crate::parity) const LOG: &str = "<log>";

/// The logged fields of a request: every decision, and no time.
const LOGGED: [(&str, &str); 17] = [
    ("route", "ROUTE_NAME"),
    ("cluster", "UPSTREAM_CLUSTER_RAW"),
    ("host", "UPSTREAM_HOST"),
    ("code", "RESPONSE_CODE"),
    ("flags", "RESPONSE_FLAGS"),
    ("details", "RESPONSE_CODE_DETAILS"),
    ("attempts", "UPSTREAM_REQUEST_ATTEMPT_COUNT"),
    ("grpc", "GRPC_STATUS"),
    ("failure", "UPSTREAM_TRANSPORT_FAILURE_REASON"),
    ("method", "REQ(:METHOD)"),
    ("path", "REQ(:PATH)"),
    ("original", "REQ(X-ENVOY-ORIGINAL-PATH)"),
    ("authority", "REQ(:AUTHORITY)"),
    ("decision", "METADATA(MESH:decision)"),
    ("id", "REQ(X-REQUEST-ID)"),
    ("received", "BYTES_RECEIVED"),
    ("sent", "BYTES_SENT"),
];

/// The ConfigMap.
pub(in crate::parity) fn config(draw: &mut Draw) -> String {
    let mut fields = log(draw);
    fields += "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n";
    let mut maybe = |share, lines: &[&str]| {
        if draw.percent(share) {
            fields += draw.one(lines);
            fields += "\n";
        }
    };
    maybe(
        40,
        &[
            "pathNormalization: {normalization: DEFAULT}",
            "pathNormalization: {normalization: NONE}",
            "pathNormalization: {normalization: BASE}",
            "pathNormalization: {normalization: MERGE_SLASHES}",
            "pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}",
        ],
    );
    maybe(
        40,
        &[
            "defaultHttpRetryPolicy: {attempts: 3, retryOn: '5xx,unavailable', backoff: 1ms}",
            "defaultHttpRetryPolicy: {attempts: 0}",
            "defaultHttpRetryPolicy: {attempts: 1, perTryTimeout: 20s, retryRemoteLocalities: true}",
            "defaultHttpRetryPolicy: {attempts: 2, retryOn: reset, retryIgnorePreviousHosts: false}",
        ],
    );
    maybe(
        40,
        &[
            "localityLbSetting: {enabled: false}",
            "localityLbSetting: {distribute: [{from: here/*, to: {here/*: 70, there/*: 30}}]}",
            "localityLbSetting: {failover: [{from: here, to: there}]}",
            "localityLbSetting: {failoverPriority: [version=v1]}",
        ],
    );
    maybe(25, &["h2UpgradePolicy: UPGRADE", "h2UpgradePolicy: DO_NOT_UPGRADE"]);
    maybe(20, &["connectTimeout: 5s", "tcpKeepalive: {probes: 3, time: 60s, interval: 10s}"]);
    maybe(15, &["defaultServiceExportTo: ['*']", "defaultServiceExportTo: ['.']"]);
    maybe(15, &["defaultVirtualServiceExportTo: ['*']", "defaultVirtualServiceExportTo: ['.']"]);
    maybe(15, &["defaultDestinationRuleExportTo: ['*']", "defaultDestinationRuleExportTo: ['.']"]);
    maybe(10, &["rootNamespace: istio-system", "rootNamespace: default"]);
    maybe(10, &["trustDomain: example.org"]);
    maybe(
        20,
        &[
            "defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}",
            "defaultConfig: {proxyHeaders: {requestId: {disabled: true}}}",
            "defaultConfig: {proxyHeaders: {requestId: {disabled: false}}}",
        ],
    );
    if draw.percent(40) {
        let of = [
            format!("connectionPool: {{{}}}", policy::pool(draw)),
            format!("outlierDetection: {{{}}}", policy::outlier(draw)),
        ];
        let of = if draw.percent(50) { of.join(", ") } else { draw.one(&of) };
        writeln!(fields, "defaultTrafficPolicy: {{{of}}}").expect("a string takes all");
    }
    mesh_config(&fields)
}

fn log(draw: &mut Draw) -> String {
    let json = draw.percent(70);
    let (encoding, start, middle, end) =
        if json { ("JSON", "{\"", "\": \"", "\"}") } else { ("TEXT", "", "=", "") };
    let between = if json { "\", \"" } else { " " };
    let fields: Vec<String> =
        LOGGED.iter().map(|(name, operator)| format!("{name}{middle}%{operator}%")).collect();
    format!(
        "accessLogFile: {LOG}\naccessLogEncoding: {encoding}\naccessLogFormat: |\n  {start}{}{end}\n",
        fields.join(between)
    )
}
