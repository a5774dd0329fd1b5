//! Kinds and groups that nearly are ones of ours, and those that are others' (Y-1).

use mesh_core::analysis::Level;

use super::{SERVICE, call, client, errors, gateway, listener, request};

const RULE: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {hosts: [a], http: [{name: good, route: [{destination: {host: a}}]}]}
";

#[test]
fn y_1_a_kind_or_group_that_nearly_is_ours_keeps_the_last_good_version() {
    let good = SERVICE.to_owned() + RULE;
    let first = client(&good, None);
    for (right, slip) in [
        ("VirtualService", "VirtualServise"),
        ("VirtualService", "virtualservice"),
        ("VirtualService", "VirtualServices"),
        ("networking.istio.io", "networking.isto.io"),
        ("networking.istio.io", "networkin.istio.io"),
        ("networking.istio.io/v1\nkind: VirtualService", "networking.isto.io/v1\nkind: VirtualServise"),
        ("networking.istio.io/v1", "networking.istio.io/v2"),
        ("kind: VirtualService", "knd: VirtualService"),
    ] {
        let second = client(&good.replace(right, slip), Some(&first));
        assert_eq!(call(&second, "a"), "good", "{slip}");
        assert!(!errors(&second.diagnostics).is_empty(), "{slip}");
        assert!(second.stale_resources.contains("VirtualService default/v"), "{slip}");
    }
}

#[test]
fn y_1_a_gateway_whose_kind_is_misspelt_keeps_its_port() {
    let good = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {app: web}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {hosts: [a.org], gateways: [edge], http: [{name: good, route: [{destination: {host: a}}]}]}
---
"
    .to_owned()
        + SERVICE;
    let first = gateway(&good, None);
    assert_eq!(request(&first, "a.org"), "good");
    for slip in ["Gatway", "Gateways", "gateway"] {
        let second = gateway(&good.replace("kind: Gateway", &format!("kind: {slip}")), Some(&first));
        assert_eq!(request(&second, "a.org"), "good", "{slip}");
    }
}

/// Kinds that the groups really have, and Kubernetes' own.
#[test]
fn y_1_a_kind_that_is_anothers_is_never_a_near_miss() {
    for (version, kind) in [
        ("gateway.networking.k8s.io/v1", "ListenerSet"),
        ("gateway.networking.x-k8s.io/v1alpha1", "XListenerSet"),
        ("gateway.networking.x-k8s.io/v1alpha1", "XBackendTrafficPolicy"),
        ("gateway.networking.x-k8s.io/v1alpha1", "XMesh"),
        ("gateway.networking.k8s.io/v1alpha2", "BackendLBPolicy"),
        ("gateway.envoyproxy.io/v1alpha1", "ClientTrafficPolicy"),
        ("gateway.envoyproxy.io/v1alpha1", "HTTPRouteFilter"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("networking.gke.io/v1", "GCPGatewayPolicy"),
        ("v1", "ServiceAccount"),
        ("v1", "PodTemplate"),
        ("v1", "ReplicationController"),
        ("v1", "Event"),
        ("apps/v1", "ControllerRevision"),
        ("policy/v1", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("serving.knative.dev/v1", "Service"),
        ("cert-manager.io/v1", "Certificate"),
        ("argoproj.io/v1alpha1", "Rollout"),
        ("monitoring.coreos.com/v1", "PodMonitor"),
        ("app.k8s.io/v1beta1", "Application"),
        ("install.istio.io/v1alpha1", "IstioOperator"),
    ] {
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{}}\n");
        assert_eq!(errors(&client(&text, None).diagnostics), Vec::<String>::new(), "{kind}");
    }
    for (version, kind) in [
        ("networking.istio.io/v1alpha3", "EnvoyFilter"),
        ("extensions.istio.io/v1alpha1", "WasmPlugin"),
        ("gateway.networking.k8s.io/v1alpha2", "TCPRoute"),
        ("gateway.networking.k8s.io/v1alpha2", "TLSRoute"),
        ("gateway.networking.k8s.io/v1alpha2", "UDPRoute"),
        ("gateway.networking.k8s.io/v1alpha3", "BackendTLSPolicy"),
    ] {
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{}}\n");
        let found = errors(&client(&text, None).diagnostics);
        assert!(found.len() == 1 && found[0].contains("is not implemented"), "{found:?}");
    }
}

#[test]
fn y_1_a_kind_that_no_one_has_is_skipped_and_warned_of() {
    let text = "apiVersion: networking.istio.io/v1\nkind: Banana\nmetadata: {name: x}\n";
    let first = client(text, None);
    assert_eq!(errors(&first.diagnostics), Vec::<String>::new());
    assert!(first.diagnostics.iter().any(|finding| finding.message.contains("skipped")));
}

/// The meaning is not known: the earlier document is gone, as if it were deleted, and a finding reports it.
#[test]
fn y_1_a_document_that_becomes_one_of_a_kind_that_no_one_has_is_skipped_and_warned_of() {
    let good = SERVICE.to_owned() + RULE;
    let first = client(&good, None);
    let second = client(&good.replace("kind: VirtualService", "kind: Banana"), Some(&first));
    assert_eq!(errors(&second.diagnostics), Vec::<String>::new());
    let reported: Vec<String> = second
        .diagnostics
        .iter()
        .filter(|finding| finding.level == Level::Warning)
        .map(|finding| format!("{finding:#}"))
        .collect();
    assert!(
        reported.iter().any(|reported| reported.contains("(Banana default/v mesh.yaml:")),
        "{reported:?}"
    );
    assert!(reported.iter().any(|reported| reported.contains("has no kind Banana: skipped")), "{reported:?}");
    assert_eq!(call(&second, "a"), "default", "the service itself serves");
    assert!(second.stale_resources.is_empty());
    // The others of its file hold, and so does it once it is mended.
    assert_eq!(call(&client(&good, Some(&second)), "a"), "good");
}

/// Two groups have a Gateway. Without its group it is neither's for sure, and its port stays open.
#[test]
fn y_1_a_gateway_without_its_group_keeps_its_port() {
    let good = format!(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge}}
spec: {{selector: {{app: web}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: v}}
spec: {{hosts: [a.org], gateways: [edge], http: [{{name: good, route: [{{destination: {{host: a}}}}]}}]}}
---
{SERVICE}
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: api}}
spec: {{gatewayClassName: istio, listeners: [{{name: http, port: 81, protocol: HTTP}}]}}
"
    );
    let first = gateway(&good, None);
    for (kind, right) in [("edge", "networking.istio.io/v1"), ("api", "gateway.networking.k8s.io/v1")] {
        let whole = format!("apiVersion: {right}\nkind: Gateway\nmetadata: {{name: {kind}}}");
        let group = right.trim_end_matches("/v1");
        for slip in [
            "",
            "apiVersion:\n",
            &format!("apiversion: {right}\n"),
            &format!("apiVersion: {group}\n"),
            "apiVersion: v1\n",
            "apiVersion: istio.io/v1\n",
        ] {
            let text = good.replace(&whole, &format!("{slip}kind: Gateway\nmetadata: {{name: {kind}}}"));
            assert_ne!(text, good);
            let second = gateway(&text, Some(&first));
            assert_eq!(request(&second, "a.org"), "good", "{slip:?}");
            assert!(listener(&second, "gateway|81").is_some(), "{kind} {slip:?}");
            assert!(!errors(&second.diagnostics).is_empty(), "{slip:?}");
        }
        if kind == "edge" {
            let text = good.replace(&whole, "kind: Gateway\nmetadata: {name: edge}");
            let start = gateway(&text, None);
            assert_eq!(request(&start, "a.org"), super::refused("Gateway default/edge"), "by its fields");
            // No part of the `spec` is left that could show its meaning.
            let text = text.replace("servers:", "sevrers:").replace("selector:", "seelctor:");
            assert_eq!(request(&gateway(&text, Some(&first)), "a.org"), "good");
        }
    }
}

/// A kind of ours by its exact name, in a group of Istio's or Kubernetes' that has no such kind.
#[test]
fn y_1_a_kind_of_ours_in_a_wrong_group_keeps_the_last_good_version() {
    let good = SERVICE.to_owned() + RULE;
    let first = client(&good, None);
    for group in ["istio.io", "networking.k8s.io", "gateway.networking.k8s.io", "config.istio.io"] {
        let text = good.replace("networking.istio.io", group);
        let second = client(&text, Some(&first));
        assert_eq!(call(&second, "a"), "good", "{group}");
        assert!(errors(&second.diagnostics)[0].contains("networking.istio.io/v1"), "{group}");
    }
    for (version, kind) in
        [("gateway.solo.io/v1", "VirtualService"), ("appmesh.k8s.aws/v1beta2", "VirtualService")]
    {
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{}}\n");
        assert_eq!(errors(&client(&text, None).diagnostics), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn y_1_a_kind_of_the_core_without_a_version_is_told_so() {
    for (version, message) in [
        ("", "apiVersion: `apiVersion` is missing"),
        ("apiVersion:\n", "apiVersion: `apiVersion` is missing"),
        ("apiVersion: v2\n", "apiVersion: the core API has no version v2"),
    ] {
        let text = SERVICE.replacen("apiVersion: v1\n", version, 1);
        let reported = errors(&client(&text, None).diagnostics);
        assert!(reported.len() == 1 && reported[0].contains(message), "{reported:?}");
    }
}
