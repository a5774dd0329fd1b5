//! The mesh config: its refused parts leave the rest in force, and close whatever they may have closed.

use mesh_core::analysis::Level;
use mesh_core::plan::{Loaded, OutboundMode};

use super::{client, cluster, errors, loaded, options};

const STOCK: &str = "
accessLogFile: /dev/stdout
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
defaultProviders: {metrics: [prometheus]}
extensionProviders:
- {name: otel, envoyOtelAls: {service: otel.svc, port: 4317}}
- {name: skywalking, skywalking: {service: sky.svc, port: 11800}}
- {name: zipkin, zipkin: {service: zipkin.svc, port: 9411}}
- {name: otel-tracing, opentelemetry: {service: otel.svc, port: 4317}}
";

fn embedded(config: &str) -> String {
    let text: String = config.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata:\n  mesh: |\n{text}"
    )
}

#[test]
fn mc_2_providers_that_nothing_uses_are_remarks() {
    for text in [STOCK.to_owned(), embedded(STOCK)] {
        let first = client(&text, None);
        assert_eq!(errors(&first.diagnostics), Vec::<String>::new());
        assert_eq!(first.plan.settings.outbound_mode, OutboundMode::RegistryOnly);
        assert!(first.plan.settings.access_log.is_some());
        let reported =
            first.diagnostics.iter().filter(|found| found.origin.path.contains("extensionProviders"));
        assert_eq!(reported.map(|found| found.level).collect::<Vec<_>>(), [Level::Info; 4]);
    }
}

/// The level of the finding about that name.
fn told_of(loaded: &Loaded, name: &str) -> Option<Level> {
    let found = loaded.diagnostics.iter().filter(|found| found.message.contains(name));
    found.map(|found| found.level).min()
}

#[test]
fn mc_2_a_provider_that_is_used_is_told_at_its_level_and_the_rest_holds() {
    let config = STOCK.replace("metrics: [prometheus]", "accessLogging: [otel], tracing: [zipkin]");
    let first = client(&config, None);
    assert_eq!(told_of(&first, "\"otel\""), Some(Level::Error), "{}", first.diagnostics);
    assert_eq!(told_of(&first, "`tracing`"), Some(Level::Warning), "{}", first.diagnostics);
    assert_eq!(first.plan.settings.outbound_mode, OutboundMode::RegistryOnly);
    // It may also come with a reload: the rest moves on.
    let second = client(&format!("{config}trustDomain: new.org\n"), Some(&client(STOCK, None)));
    assert_eq!(told_of(&second, "\"otel\""), Some(Level::Error), "{}", second.diagnostics);
    assert_eq!(told_of(&second, "`tracing`"), Some(Level::Warning), "{}", second.diagnostics);
    let settings = &second.plan.settings;
    assert_eq!((settings.outbound_mode, &*settings.trust_domain), (OutboundMode::RegistryOnly, "new.org"));
    assert!(settings.access_log.is_some());
}

#[test]
fn y_12_a_refused_field_of_the_mesh_config_leaves_the_rest_in_force() {
    for text in [format!("{STOCK}proxyHttpPort: 8080\n"), embedded(&format!("{STOCK}connectTimeout: 3\n"))] {
        let first = client(&text, None);
        assert!(!errors(&first.diagnostics).is_empty());
        assert_eq!(first.plan.settings.outbound_mode, OutboundMode::RegistryOnly);
        assert!(first.plan.settings.access_log.is_some());
    }
    // On a reload the refused field keeps its last good value, and the others move on.
    let first = client("connectTimeout: 3s\ntrustDomain: old.org\n", None);
    let second =
        client("connectTimeout: soon\ntrustDomain: new.org\naccessLogFile: /dev/stdout\n", Some(&first));
    assert_eq!(second.plan.settings.trust_domain, "new.org");
    assert!(second.plan.settings.access_log.is_some());
    let kept = second.documents.mesh_config.as_ref().unwrap().spec.connect_timeout;
    assert_eq!(kept, Some(std::time::Duration::from_secs(3)));
    assert!(second.stale_resources.contains("MeshConfig istio-system/istio"));
    let third = client("connectTimeout: soon\n", Some(&second));
    assert_eq!(third.documents.mesh_config.as_ref().unwrap().spec.connect_timeout, kept);
}

#[test]
fn y_12_a_refused_outbound_policy_at_start_is_registry_only() {
    for policy in [
        "outboundTrafficPolicy: {mode: REGISTRY_ONY}",
        "outboundTrafficPolcy: {mode: REGISTRY_ONLY}",
        "outboundTrafficPolicy: REGISTRY_ONLY",
        "outboundTrafficPolicy: {mode: REGISTRY_ONLY",
    ] {
        for text in [format!("{policy}\n"), embedded(policy)] {
            let first = client(&text, None);
            assert_eq!(first.plan.settings.outbound_mode, OutboundMode::RegistryOnly, "{text}");
            let still = client(&text, Some(&first));
            assert_eq!(still.plan.settings.outbound_mode, OutboundMode::RegistryOnly, "{text}");
        }
    }
    let first = client("outboundTrafficPolicy: {mode: ALLOW_ANY}\n", None);
    let second = client("outboundTrafficPolicy: {mode: REGISTRY_ONY}\n", Some(&first));
    assert_eq!(second.plan.settings.outbound_mode, OutboundMode::AllowAny, "the last good state");
}

#[test]
fn y_12_a_refused_default_export_at_start_is_the_own_namespace() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {ports: [{name: http, port: 80}]}\n";
    let files = [("mesh.yaml", "defaultServiceExportTo: 7\n"), ("service.yaml", service)];
    let first = loaded(&files, &options(false), None);
    assert!(first.plan.outbound.get(&80).is_none_or(|table| table.host("a.b").is_none()));
}

#[test]
fn y_12_an_unreadable_mesh_config_keeps_the_last_good_one() {
    for (good, bad) in [
        (STOCK.to_owned(), "a: [".to_owned()),
        (embedded(STOCK), embedded("a: [")),
        (embedded(STOCK), embedded(STOCK).replace("ConfigMap", "ConfigMpa")),
        (embedded(STOCK), embedded(STOCK).replace("\ndata:", "\ndata: [")),
    ] {
        let first = client(&good, None);
        let second = client(&bad, Some(&first));
        assert_eq!(second.plan.settings.outbound_mode, OutboundMode::RegistryOnly, "{bad}");
        assert!(second.plan.settings.access_log.is_some(), "{bad}");
        let start = client(&bad, None);
        assert_eq!(start.plan.settings.outbound_mode, OutboundMode::RegistryOnly, "{bad}");
    }
}

/// A value that can be read and is none that may be.
#[test]
fn y_12_a_refused_value_of_the_mesh_config_has_its_default_at_start() {
    let service = super::SERVICE;
    for bad in [
        "connectTimeout: 0s",
        "defaultHttpRetryPolicy: {attempts: 7, perTryTimeout: 0s}",
        "defaultHttpRetryPolicy: {attempts: x}",
        "rootNamespace: a_b",
        "proxyListenPort: 70000",
        "defaultTrafficPolicy: {connectionPool: {tcp: {connectTimeout: 0s}}}",
        "connectTimeout: 0s\nconnectTimout: 3s",
    ] {
        for text in [
            format!("{bad}\naccessLogFile: /dev/stdout\n"),
            embedded(&format!("{bad}\naccessLogFile: /dev/stdout")),
        ] {
            let files = [("mesh.yaml", text.as_str()), ("service.yaml", service)];
            let plain = loaded(&files[1..], &options(false), None);
            let start = loaded(&files, &options(false), None);
            assert!(!errors(&start.diagnostics).is_empty(), "{bad}");
            let again = loaded(&files, &options(false), Some(&start));
            for one in [&start, &again] {
                let policy = |loaded: &Loaded| {
                    let cluster = cluster(loaded, "outbound|80||a.default.svc.cluster.local").unwrap();
                    let route = &loaded.plan.outbound[&80].host("a").unwrap().routes[0].action;
                    (cluster.policy.circuit.connect_timeout, format!("{route:?}"))
                };
                assert_eq!(policy(one), policy(&plain), "{bad}");
                assert_eq!(one.plan.settings.root_namespace, plain.plan.settings.root_namespace, "{bad}");
                assert!(one.plan.settings.access_log.is_some(), "{bad}");
            }
        }
    }
    let beside = client("trustDomains: []\ntrustDomain: good.org\n", None);
    assert_eq!(beside.plan.settings.trust_domain, "good.org", "what is written well is in force");
}

/// A key written twice is one that is refused; the others hold.
#[test]
fn y_12_a_key_of_the_mesh_config_that_is_written_twice_leaves_the_rest_in_force() {
    let config = "accessLogFile: /dev/stdout\ntrustDomain: a.org\nrootNamespace: base\ntrustDomain: b.org\n";
    let label = embedded(config.trim_end_matches("trustDomain: b.org\n"))
        .replace("{name: istio", "{labels: {'a b': c}, name: istio");
    let twice = embedded(config.trim_end_matches("trustDomain: b.org\n"))
        .replace("{name: istio", "{name: istio, name: istio");
    let usual = client("", None).plan.settings.trust_domain.clone();
    for (text, trust) in [
        (config.to_owned(), usual.as_str()),
        (embedded(config), usual.as_str()),
        (label, "a.org"),
        (twice, "a.org"),
    ] {
        let start = client(&text, None);
        assert_eq!(errors(&start.diagnostics).len(), 1, "{}", start.diagnostics);
        let settings = &start.plan.settings;
        assert_eq!(settings.outbound_mode, OutboundMode::AllowAny, "{text}");
        assert!(settings.access_log.is_some(), "{text}");
        assert_eq!((&*settings.root_namespace, &*settings.trust_domain), ("base", trust), "{text}");
    }
    // An unreadable part may have had any meaning.
    for text in ["<<: 7\ntrustDomain: a.org\n", "a: &a [*a]\ntrustDomain: a.org\n"] {
        assert_eq!(client(text, None).plan.settings.outbound_mode, OutboundMode::RegistryOnly, "{text}");
    }
    let twice = "outboundTrafficPolicy: {mode: ALLOW_ANY}\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n";
    assert_eq!(client(twice, None).plan.settings.outbound_mode, OutboundMode::RegistryOnly);
    let data = embedded("accessLogFile: /dev/stdout").replace("\ndata:", "\ndata: {}\ndata:");
    assert_eq!(client(&data, None).plan.settings.outbound_mode, OutboundMode::RegistryOnly, "it is not read");
}

#[test]
fn y_12_an_unreadable_mesh_config_at_start_exports_to_the_own_namespace() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {ports: [{name: http, port: 80}]}\n";
    let files = [("mesh.yaml", "a: ["), ("service.yaml", service)];
    let first = loaded(&files, &options(false), None);
    assert!(first.plan.outbound.get(&80).is_none_or(|table| table.host("a.b").is_none()));
}

/// The configuration of Istio's proxies has no such field.
#[test]
fn y_12_under_istio_runtime_a_refused_field_of_the_mesh_config_has_its_default() {
    let lenient = mesh_core::plan::CompileOptions { istio_runtime: true, ..options(false) };
    let text = "outboundTrafficPolicy: {mode: NOPE}\ntrustDomain: a.org\n";
    let first = loaded(&[("mesh.yaml", text)], &lenient, None);
    assert_eq!(first.plan.settings.outbound_mode, OutboundMode::AllowAny);
    assert_eq!(first.plan.settings.trust_domain, "a.org");
}

/// A correct field beside a misspelt name takes effect.
#[test]
fn y_12_a_name_near_a_field_that_is_written_freezes_nothing() {
    let first = client("trustDomain: a.org\n", None);
    let second = client("trustDomains: []\ntrustDomain: b.org\n", Some(&first));
    assert_eq!(second.plan.settings.trust_domain, "b.org");
    let third = client("trustDomains: []\n", Some(&second));
    assert_eq!(third.plan.settings.trust_domain, "b.org");
}

/// With a step for each pair of them, minutes.
#[test]
fn y_12_many_refused_fields_are_kept_in_linear_time() {
    let mut text: String = (0..1000).map(|number| format!("nope{number}: 1s\n")).collect();
    text.extend((0..1000).map(|number| format!("connectTime{number}: 1s\n")));
    let first = client(&text, None);
    assert_eq!(errors(&first.diagnostics).len(), 2000);
    let second = client(&text, Some(&first));
    assert_eq!(errors(&second.diagnostics).len(), 2000);
}
