//! Names and settings of the whole mesh, their defaults and their effects (N-2, MC-2, MC-3).

use std::sync::Arc;
use std::time::Duration;

use super::{addresses, documents, found, options, outbound, sidecar};
use crate::api::Documents;
use crate::circuit::Keepalive;
use crate::diagnostic::{Code, Level};
use crate::plan::compile::compile;
use crate::plan::{AccessLogTarget, Discovery, ListenerRoutes, OutboundMode, Plan, UpstreamProtocol};
use crate::route::Fallback;
use crate::telemetry::access_log::{Format, Record};

const API: &str = "
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api-1, labels: {kubernetes.io/service-name: api}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: api-1}}]
---
apiVersion: v1
kind: Pod
metadata: {name: api-1, labels: {app: api, version: v1}}
spec: {serviceAccountName: api}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {metadata: {labels: {app: web, version: v1}}, spec: {serviceAccountName: web, containers: [{name: web}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
";

const CLUSTER: &str = "outbound|80||api.default.svc.cluster.local";

fn mesh(config: &str) -> String {
    let indented: String = config.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\n\
         data:\n  mesh: |\n{indented}"
    )
}

fn plan(more: &str) -> Plan {
    let compiled = sidecar(&format!("{API}{more}"), "web");
    assert!(!compiled.diagnostics.has_errors(), "{:#}", compiled.diagnostics);
    compiled.plan
}

fn limit(plan: &Plan) -> u32 {
    plan.cluster_named(CLUSTER).unwrap().policy.circuit.max_connections
}

#[test]
fn n_2_root_namespace_domain_suffix_and_trust_domain() {
    let rule = |namespace: &str, most: u32| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
             metadata: {{name: api, namespace: {namespace}}}\nspec: {{host: api.default.svc.cluster.local, \
             trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {most}}}}}}}}}\n\
             ---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: all, namespace: {namespace}}}\n\
             spec: {{outboundTrafficPolicy: {{mode: {}}}}}\n",
            if most == 1 { "REGISTRY_ONLY" } else { "ALLOW_ANY" }
        )
    };
    let rules = format!("{}{}", rule("istio-system", 1), rule("mesh-root", 2));
    let identities = |plan: &Plan| {
        let Discovery::Static(endpoints) = &plan.cluster_named(CLUSTER).unwrap().discovery else {
            panic!("static")
        };
        (plan.workload.spiffe_id(), endpoints[0].identity.as_deref().unwrap().to_owned())
    };

    let default = plan(&rules);
    assert_eq!(default.settings.root_namespace, "istio-system");
    assert_eq!((limit(&default), default.settings.outbound_mode), (1, OutboundMode::RegistryOnly));
    assert_eq!(default.settings.domain_suffix, "cluster.local");
    assert_eq!(addresses(&default, CLUSTER), ["10.0.0.1:8080"]);
    assert!(outbound(&default, 80, "api.default.svc.cluster.local", "/").is_some());
    let (web, api) = identities(&default);
    assert_eq!(web, "spiffe://cluster.local/ns/default/sa/web");
    assert_eq!(api, "spiffe://cluster.local/ns/default/sa/api");

    let config = "rootNamespace: mesh-root\ntrustDomain: example.org\ntrustDomainAliases: [old.example.org]";
    let changed = plan(&format!("{rules}{}", mesh(config)));
    assert_eq!(changed.settings.root_namespace, "mesh-root");
    assert_eq!((limit(&changed), changed.settings.outbound_mode), (2, OutboundMode::AllowAny));
    let (web, api) = identities(&changed);
    assert_eq!(web, "spiffe://example.org/ns/default/sa/web");
    assert_eq!(api, "spiffe://example.org/ns/default/sa/api");
    assert_eq!(changed.settings.domain_suffix, "cluster.local", "the trust domain is another thing");
}

/// MC-2: without a mesh config, and with one whose fields say nothing, the defaults hold.
#[test]
fn mc_2_the_defaults() {
    for config in [String::new(), mesh("{}"), mesh("outboundTrafficPolicy: {}\ndefaultConfig: {}")] {
        let plan = plan(&config);
        let settings = &plan.settings;
        assert_eq!(settings.root_namespace, "istio-system");
        assert_eq!(
            (&*settings.trust_domain, &*plan.workload.trust_domain),
            ("cluster.local", "cluster.local")
        );
        assert_eq!(settings.outbound_mode, OutboundMode::AllowAny);
        assert_eq!(plan.outbound[&80].fallback(), Fallback::Passthrough);
        assert_eq!(settings.dns_refresh_rate, Duration::from_secs(60));
        assert!(settings.access_log.is_none());
        assert_eq!((plan.listeners[0].port, &*plan.listeners[0].key.to_string()), (15001, "outbound|15001"));
        let api = &plan.cluster_named(CLUSTER).unwrap().policy;
        assert_eq!(api.circuit.connect_timeout, Duration::from_secs(10));
        assert!(api.circuit.tcp_keepalive.is_none() && api.outlier.is_none());
        assert!(!api.circuit.h2_upgrade && api.protocol == UpstreamProtocol::Http1);
        assert_eq!(api.circuit.max_connections, u32::MAX);
        let route = outbound(&plan, 80, "api", "/").unwrap();
        assert_eq!(route.retry.attempts, 2);
    }
}

/// MC-2: each field that is honoured, seen by what it changes.
#[test]
fn mc_2_each_field_changes_what_it_names() {
    let plan_of = |config: &str| plan(&mesh(config));
    let api = |config: &str| plan_of(config).cluster_named(CLUSTER).unwrap().policy.clone();

    let plan = plan_of("outboundTrafficPolicy: {mode: REGISTRY_ONLY}");
    assert_eq!(plan.settings.outbound_mode, OutboundMode::RegistryOnly);
    assert_eq!(plan.outbound[&80].fallback(), Fallback::BlackHole);
    assert_eq!(plan_of("dnsRefreshRate: 7s").settings.dns_refresh_rate, Duration::from_secs(7));
    assert_eq!(plan_of("proxyListenPort: 15101").listeners[0].port, 15101);

    assert_eq!(api("connectTimeout: 3s").circuit.connect_timeout, Duration::from_secs(3));
    let keepalive = Keepalive { probes: Some(4), time: Some(Duration::from_secs(5)), interval: None };
    assert_eq!(api("tcpKeepalive: {probes: 4, time: 5s}").circuit.tcp_keepalive, Some(keepalive));
    let upgraded = api("h2UpgradePolicy: UPGRADE");
    assert!(upgraded.circuit.h2_upgrade && upgraded.protocol == UpstreamProtocol::Http2);
    let policy = api(
        "defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}, outlierDetection: {interval: 2s}}",
    );
    assert_eq!(policy.circuit.max_connections, 5);
    assert_eq!(policy.outlier.as_ref().unwrap().interval, Duration::from_secs(2));

    let plan = plan_of("defaultHttpRetryPolicy: {attempts: 5}\ndefaultInboundHttpRetryPolicy: {attempts: 6}");
    assert_eq!(outbound(&plan, 80, "api", "/").unwrap().retry.attempts, 5);
    let inbound = plan.listeners.iter().find(|one| one.key.to_string() == "inbound|8080").unwrap();
    let ListenerRoutes::Table(table) = &inbound.routes else { panic!("a table") };
    assert_eq!(found(table, "web", "/").unwrap().retry.attempts, 6);

    let log = |config: &str| plan_of(config).settings.access_log;
    let same = |a: &Arc<Format>, b: &Arc<Format>| format!("{a:?}") == format!("{b:?}");
    let (text, target) = log("accessLogFile: /dev/stdout").unwrap();
    assert_eq!(target, AccessLogTarget::Stdout, "TEXT");
    let (json, target) = log("accessLogFile: /var/log/a.log\naccessLogEncoding: JSON").unwrap();
    assert_eq!(target, AccessLogTarget::File("/var/log/a.log".into()));
    let (own, _) = log("accessLogFile: /dev/stderr\naccessLogFormat: \"%PROTOCOL%\"").unwrap();
    assert!(!same(&text, &json) && !same(&text, &own), "the encoding and the format count");
    let (provided, target) = log("defaultProviders: {accessLogging: [envoy]}").unwrap();
    assert!(same(&provided, &text) && target == AccessLogTarget::Stdout, "the provider that needs no entry");
    let named = "extensionProviders: [{name: mine, envoyFileAccessLog: {path: /mine.log}}]\n";
    assert!(log(named).is_none(), "a provider that nothing names");
    let (_, target) = log(&format!("{named}defaultProviders: {{accessLogging: [mine]}}")).unwrap();
    assert_eq!(target, AccessLogTarget::File("/mine.log".into()));
}

/// MC-2: a provider that writes no log is told of, and why.
#[test]
fn mc_2_access_logs_that_are_not_written_are_told() {
    let told = |config: &str| {
        let compiled = sidecar(&format!("{API}{}", mesh(config)), "web");
        let found = compiled.diagnostics.iter();
        found.map(|one| (one.code, one.level, one.origin.path.to_string())).collect::<Vec<_>>()
    };
    let place = |index: usize| format!("data.mesh.defaultProviders.accessLogging[{index}]");
    let missing = |index| (Code::ReferencedResourceNotFound, Level::Error, place(index));
    let unused = |index| (Code::NotImplemented, Level::Warning, place(index));
    let named =
        "extensionProviders: [{name: mine, envoyFileAccessLog: {path: /a}}, {name: p, prometheus: {}}]\n";
    assert_eq!(told("defaultProviders: {accessLogging: [envoy]}"), []);
    assert_eq!(told("defaultProviders: {accessLogging: [mine, envoy]}"), [missing(0)]);
    assert_eq!(
        told(&format!("{named}defaultProviders: {{accessLogging: [p, mine, envoy]}}")),
        [missing(0), unused(2)]
    );
    // A declared provider of that name is the one that is meant, and what is told is what is done.
    let own =
        "extensionProviders: [{name: envoy, prometheus: {}}]\ndefaultProviders: {accessLogging: [envoy]}";
    assert_eq!(told(own), [missing(0)]);
    assert!(sidecar(&mesh(own), "web").plan.settings.access_log.is_none());
    let file = "accessLogFile: /dev/stdout\n";
    assert_eq!(told(&format!("{file}{named}defaultProviders: {{accessLogging: [mine]}}")), [unused(0)]);

    let with = |omit: bool| {
        let config = format!(
            "extensionProviders: [{{name: a, envoyFileAccessLog: {{path: /a, omitEmptyValues: {omit}, \
             logFormat: {{labels: {{a: '%RESP(X)%', b: '%PROTOCOL% %RESP(X)%'}}}}}}}}]\n\
             defaultProviders: {{accessLogging: [a]}}"
        );
        let mut line = String::new();
        plan(&mesh(&config)).settings.access_log.unwrap().0.write(&Record::default(), &mut line);
        line
    };
    assert_eq!(with(false), "{\"a\":null,\"b\":\"- -\"}\n");
    assert_eq!(with(true), "{\"b\":\" \"}\n");
}

/// MC-2: who sees a Service, VirtualService or DestinationRule that does not say itself.
#[test]
fn mc_2_the_default_audiences() {
    let rules = "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api}
spec: {hosts: [api], http: [{name: ruled, route: [{destination: {host: api}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api}
spec: {host: api, trafficPolicy: {connectionPool: {tcp: {maxConnections: 4}}}}
";
    let seen = |config: &str, client: &str| {
        let compiled = compile(&documents(&format!("{API}{rules}{}", mesh(config))), &options(client), None);
        let plan = compiled.plan;
        let route = outbound(&plan, 80, "api.default", "/").map(|route| route.name.to_string());
        (route, plan.cluster_named(CLUSTER).map(|node| node.policy.circuit.max_connections))
    };
    let is = |route: &str, most: u32| (Some(route.to_owned()), Some(most));
    assert_eq!(seen("{}", "other/me"), is("ruled", 4));
    assert_eq!(seen("defaultVirtualServiceExportTo: ['.']", "other/me"), is("default", 4));
    assert_eq!(seen("defaultDestinationRuleExportTo: ['.']", "other/me"), is("ruled", u32::MAX));
    assert_eq!(seen("defaultServiceExportTo: ['.']", "other/me").1, None);
    let all = "defaultServiceExportTo: ['.']\ndefaultVirtualServiceExportTo: ['.']\ndefaultDestinationRuleExportTo: ['.']";
    assert_eq!(seen(all, "web"), is("ruled", 4), "the own namespace sees all");
}

/// MC-3: what the mesh's `defaultConfig` may hold.
#[test]
fn mc_3_the_drain_times_and_what_a_proxy_config_may_hold() {
    let drains = |config: &str| {
        let settings = plan(&mesh(config)).settings;
        (settings.drain_duration.as_secs(), settings.termination_drain_duration.as_secs())
    };
    assert_eq!(drains("{}"), (45, 5), "built in");
    assert_eq!(drains("defaultConfig: {drainDuration: 20s}"), (20, 5));
    assert_eq!(drains("defaultConfig: {drainDuration: 20s, terminationDrainDuration: 3s}"), (20, 3));

    // What would change requests, or trust, is refused by name; what is about Envoy or a control plane is told.
    let told = |field: &str| {
        let (_, found) = Documents::parse([("mesh.yaml", &*mesh(&format!("defaultConfig: {{{field}}}")))]);
        found.iter().map(|one| (one.code, one.level)).collect::<Vec<_>>()
    };
    for accepted in [
        "concurrency: 2",
        "proxyAdminPort: 15000",
        "gatewayTopology: {numTrustedProxies: 1}",
        "proxyMetadata: {ISTIO_META_HTTP10: '1', EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true'}",
        "statusPort: 15020",
        "proxyHeaders: {server: {value: edge}}",
        "discoveryAddress: 'istiod.istio-system.svc:15012'",
        "tracing: {}",
        "holdApplicationUntilProxyStarts: false",
        "proxyMetadata: {}",
        "proxyStatsMatcher: {inclusionPrefixes: []}",
    ] {
        assert_eq!(told(accepted), [], "{accepted}");
    }
    for refused in [
        "gatewayTopology: {proxyProtocol: {}}",
        "proxyHeaders: {attemptCount: {}}",
        "customConfigFile: a.yaml",
        "caCertificatesPem: [a]",
    ] {
        assert_eq!(told(refused), [(Code::NotImplemented, Level::Error)], "{refused}");
    }
    for info in [
        "discoveryAddress: 'istiod.other.svc:15012'",
        "proxyStatsMatcher: {inclusionPrefixes: [a]}",
        "holdApplicationUntilProxyStarts: true",
        "binaryPath: /usr/local/bin/envoy",
        "proxyMetadata: {ISTIO_META_IDLE_TIMEOUT: 5s}",
        "image: {imageType: distroless}",
    ] {
        assert_eq!(told(info), [(Code::NotImplemented, Level::Info)], "{info}");
    }
    for warning in
        ["tracing: {sampling: 10}", "zipkinAddress: 'zipkin:9411'", "extraStatTags: [a]", "meshId: a"]
    {
        assert_eq!(told(warning), [(Code::NotImplemented, Level::Warning)], "{warning}");
    }
    let broken = (Code::SchemaValidationError, Level::Error);
    assert_eq!(told("concurrency: -1"), [broken]);
    assert_eq!(told("drainDuration: 10"), [broken]);
    assert_eq!(told("proxyAdminPort: 70000"), [broken]);
    assert_eq!(told("terminationDrainDurration: 10s"), [broken], "nothing unknown is passed over");
}

/// MC-1, MC-2: what an installation of Istio writes is in force, and what of it does nothing is told.
#[test]
fn mc_2_what_istio_installs_loads() {
    let stock = "accessLogFile: ''
defaultConfig:
  discoveryAddress: istiod.istio-system.svc:15012
  proxyMetadata: {}
defaultProviders:
  metrics:
  - prometheus
enablePrometheusMerge: true
extensionProviders:
- envoyFileAccessLog: {path: /dev/stdout}
  name: log
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
rootNamespace: istio-system
trustDomain: cluster.local";
    let (documents, found) = Documents::parse([("mesh.yaml", &*mesh(stock))]);
    let found: Vec<_> = found.iter().map(|one| (one.code, one.level, &*one.origin.path)).collect();
    assert_eq!(found, [(Code::NotImplemented, Level::Info, "data.mesh.enablePrometheusMerge")]);
    assert!(documents.mesh_config.is_some());
    assert_eq!(plan(&mesh(stock)).settings.outbound_mode, OutboundMode::RegistryOnly);
}

/// MC-2: a field that asks for safety which is not there says so, and the rest of the file goes on.
#[test]
fn mc_2_nothing_gives_a_false_sense_of_safety() {
    let told = |config: &str| {
        let (documents, found) = Documents::parse([("mesh.yaml", &*mesh(config))]);
        assert!(documents.mesh_config.is_some(), "{config}");
        found.iter().map(|one| (one.level, one.message.clone())).collect::<Vec<_>>()
    };
    for (silent, asks, says) in [
        ("enableAutoMtls: false", "enableAutoMtls: true", "not encrypted"),
        ("trustDomainAliases: []", "trustDomainAliases: [old]", "no peer is authenticated"),
        (
            "meshMTLS: {minProtocolVersion: TLS_AUTO}",
            "meshMTLS: {minProtocolVersion: TLSV1_3}",
            "no TLS at all",
        ),
        ("tlsDefaults: {}", "tlsDefaults: {minProtocolVersion: TLSV1_3}", "1.2 is the lowest"),
    ] {
        assert_eq!(told(silent), [], "{silent}");
        let told = told(asks);
        assert!(matches!(&told[..], [(Level::Warning, text)] if text.contains(says)), "{told:?}");
    }
}
