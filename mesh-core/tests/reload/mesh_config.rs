//! The mesh config: what is refused of it leaves the rest in force, and closes what it may have closed.

use mesh_core::analysis::Level;
use mesh_core::plan::OutboundMode;

use super::{client, errors, loaded, options};

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
        let told = first.diagnostics.iter().filter(|found| found.origin.path.contains("extensionProviders"));
        assert_eq!(told.map(|found| found.level).collect::<Vec<_>>(), [Level::Info; 4]);
    }
}

#[test]
fn mc_2_a_provider_that_is_used_is_told_at_its_level_and_the_rest_holds() {
    let config = STOCK.replace("metrics: [prometheus]", "accessLogging: [otel], tracing: [zipkin]");
    let first = client(&config, None);
    let level = |name: &str| {
        let found = first.diagnostics.iter().filter(|found| found.message.contains(name));
        found.map(|found| found.level).min()
    };
    assert_eq!(level("\"otel\""), Some(Level::Error), "{}", first.diagnostics);
    assert_eq!(level("`tracing`"), Some(Level::Warning), "{}", first.diagnostics);
    assert_eq!(first.plan.settings.outbound_mode, OutboundMode::RegistryOnly);
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
