//! The range of a duration, field by field (Y-6).

use super::{ROUTE, errors};
use crate::api::Documents;

/// The fields of which at least a millisecond, and no fraction of one, is asked. `{}` is the duration.
const DURATIONS: &[(&str, &str)] = &[
    ("VirtualService", "{hosts: [a], http: [{timeout: {}, ROUTE}]}"),
    ("VirtualService", "{hosts: [a], http: [{retries: {attempts: 2, perTryTimeout: {}}, ROUTE}]}"),
    ("VirtualService", "{hosts: [a], http: [{retries: {attempts: 2, backoff: {}}, ROUTE}]}"),
    ("VirtualService", "{hosts: [a], http: [{fault: {delay: {fixedDelay: {}}}, ROUTE}]}"),
    ("DestinationRule", "{host: a, trafficPolicy: {connectionPool: {tcp: {connectTimeout: {}}}}}"),
    ("DestinationRule", "{host: a, trafficPolicy: {connectionPool: {tcp: {maxConnectionDuration: {}}}}}"),
    ("DestinationRule", "{host: a, trafficPolicy: {connectionPool: {tcp: {tcpKeepalive: {time: {}}}}}}"),
    ("DestinationRule", "{host: a, trafficPolicy: {connectionPool: {tcp: {tcpKeepalive: {interval: {}}}}}}"),
    ("DestinationRule", "{host: a, trafficPolicy: {connectionPool: {http: {idleTimeout: {}}}}}"),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {connectionPool: {http: {http2KeepAlive: {interval: {}, timeout: 1s}}}}}",
    ),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {connectionPool: {http: {http2KeepAlive: {interval: 1s, timeout: {}}}}}}",
    ),
    ("DestinationRule", "{host: a, trafficPolicy: {outlierDetection: {interval: {}}}}"),
    ("DestinationRule", "{host: a, trafficPolicy: {outlierDetection: {baseEjectionTime: {}}}}"),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: {}}}}}",
    ),
    (
        "DestinationRule",
        "{host: a, subsets: [{name: v, trafficPolicy: {connectionPool: {tcp: {connectTimeout: {}}}}}]}",
    ),
    (
        "DestinationRule",
        "{host: a, trafficPolicy: {portLevelSettings: [{port: {number: 80}, outlierDetection: {interval: {}}}]}}",
    ),
    (
        "Sidecar",
        "{ingress: [{port: {number: 80, protocol: HTTP, name: http}}], \
         inboundConnectionPool: {tcp: {connectTimeout: {}}}}",
    ),
    (
        "Sidecar",
        "{ingress: [{port: {number: 80, protocol: HTTP, name: http}, \
         connectionPool: {http: {idleTimeout: {}}}}]}",
    ),
    ("MeshConfig", "connectTimeout: {}"),
    ("MeshConfig", "dnsRefreshRate: {}"),
    ("MeshConfig", "defaultHttpRetryPolicy: {attempts: 2, perTryTimeout: {}}"),
    ("MeshConfig", "defaultHttpRetryPolicy: {attempts: 2, backoff: {}}"),
    ("MeshConfig", "defaultTrafficPolicy: {connectionPool: {tcp: {connectTimeout: {}}}}"),
    ("MeshConfig", "defaultTrafficPolicy: {outlierDetection: {interval: {}}}"),
];

/// Those that may be `0s` too, and are then off.
const OFF_AT_ZERO: &[(&str, &str)] = &[
    ("DestinationRule", "{host: a, trafficPolicy: {connectionPool: {tcp: {idleTimeout: {}}}}}"),
    ("MeshConfig", "protocolDetectionTimeout: {}"),
    ("MeshConfig", "defaultConfig: {drainDuration: {}}"),
    ("MeshConfig", "defaultConfig: {terminationDrainDuration: {}}"),
];

#[test]
fn y_6_the_durations_of_every_field() {
    let told = |kind: &str, spec: &str, duration: &str| {
        let spec = spec.replace("{}", duration).replace("ROUTE", ROUTE);
        if kind != "MeshConfig" {
            return errors(kind, &spec);
        }
        let (_, found) = Documents::parse([("mesh.yaml", spec)]);
        found.iter().filter(|finding| finding.is_error()).map(|finding| finding.message.clone()).collect()
    };
    for (kind, spec) in DURATIONS {
        for (duration, rule) in [
            ("500us", "a duration must be at least 1ms"),
            ("0s", "a duration must be at least 1ms"),
            ("1.0005s", "a duration must be whole milliseconds"),
            ("1500us", "a duration must be whole milliseconds"),
        ] {
            let told = told(kind, spec, duration);
            assert!(told.len() == 1 && told[0].ends_with(rule), "{kind} {spec} {duration}: {told:?}");
        }
    }
    for (kind, spec) in OFF_AT_ZERO {
        assert_eq!(told(kind, spec, "1.0005s").len(), 1, "{kind} {spec}");
        assert_eq!(told(kind, spec, "0s"), Vec::<String>::new(), "{kind} {spec}");
    }
    for (kind, spec) in DURATIONS.iter().chain(OFF_AT_ZERO) {
        for duration in ["5ms", "0.005s", "1s", "1m30s"] {
            assert_eq!(told(kind, spec, duration), Vec::<String>::new(), "{kind} {spec} {duration}");
        }
    }
    // Whole seconds, and of any precision.
    let age = "{hosts: [a], http: [{corsPolicy: {maxAge: {}}, ROUTE}]}";
    let warm_up = "{host: a, trafficPolicy: {loadBalancer: {warmupDurationSecs: {}}}}";
    for (duration, of_age, of_warm_up) in [("500us", 1, 1), ("1.0005s", 1, 0), ("5ms", 1, 0), ("1s", 0, 0)] {
        assert_eq!(told("VirtualService", age, duration).len(), of_age, "{duration}");
        assert_eq!(told("DestinationRule", warm_up, duration).len(), of_warm_up, "{duration}");
    }
}
