//! The hosts, ports and subsets that rules and services serve.

use super::*;

/// VS-5: one without a rule for here leaves its host to a wider one at a gateway, and to the service's own
/// route, or the next that names the host, in the mesh.
#[tokio::test(start_paused = true)]
async fn vs_5_a_virtual_service_without_a_rule_for_here_does_not_take_its_host() {
    let answer = |status: u16| format!("directResponse: {{status: {status}}}");
    let no_rule = |condition: &str| format!("[{{match: [{{{condition}}}], {}}}]", answer(403));
    let wide = at_gateway("wide", "*.test", &format!("[{{{}}}]", answer(204)));
    for condition in ["port: 81", "gateways: [other]", "sourceLabels: {app: other}", "sourceNamespace: other"]
    {
        let narrow = at_gateway("narrow", "a.test", &no_rule(condition));
        let test = edge(&(gateway() + &wide + &narrow)).await;
        assert_eq!(ask(&test, "a.test", "/").await.status(), 204, "{condition}");
        let alone = edge(&(gateway() + &narrow)).await;
        assert_eq!(ask(&alone, "a.test", "/").await.status(), 404, "{condition}");

        let in_mesh = |name: &str, rules: &str| {
            object("VirtualService", name, &format!("{{hosts: [api.test], http: {rules}}}"))
        };
        let api = entry("api.test", "10.0.0.1");
        let first = in_mesh("a", &no_rule(condition));
        let test = MeshTest::new(&(api.clone() + &first)).with(|mesh| mesh.strict(false)).start().await;
        let _api = test.upstream("10.0.0.1:80");
        assert_eq!(test.get("http://api.test/").await.status(), 200, "{condition}");
        let second = in_mesh("b", &format!("[{{{}}}]", answer(204)));
        let test = MeshTest::new(&(api + &first + &second)).with(|mesh| mesh.strict(false)).start().await;
        assert_eq!(test.get("http://api.test/").await.status(), 204, "{condition}: the next that names it");
    }
}

/// VS-3: rules behind a catch-all of their own document never match, even if several documents share the host.
#[tokio::test(start_paused = true)]
async fn vs_3_rules_behind_a_catch_all_of_their_own_stay_dead() {
    let rule = |uri: &str, status: u16| {
        format!("{{match: [{{uri: {{{uri}}}}}], directResponse: {{status: {status}}}}}")
    };
    for all in ["prefix: /", "regex: .*"] {
        let first = format!("[{}, {}]", rule(all, 201), rule("prefix: /dead", 202));
        let second = format!("[{}]", rule("prefix: /alive", 203));
        let yaml = gateway() + &at_gateway("a", "a.test", &first) + &at_gateway("b", "a.test", &second);
        let test = edge(&yaml).await;
        assert_eq!(ask(&test, "a.test", "/dead").await.status(), 201, "{all}");
        assert_eq!(ask(&test, "a.test", "/alive").await.status(), 203, "{all}");
    }
}

/// SC-2: rules are seen where their host and an imported one hold each other, in either direction.
#[tokio::test(start_paused = true)]
async fn sc_2_rules_wider_than_an_imported_host_are_seen() {
    let scoped = |import: &str| {
        let sidecar = format!("{{egress: [{{hosts: ['{import}']}}]}}");
        let rules = "{hosts: ['*.test'], http: [{directResponse: {status: 204}}]}";
        entry("api.test", "10.0.0.1")
            + &object("VirtualService", "wide", rules)
            + &object("Sidecar", "default", &sidecar)
    };
    for import in ["*/api.test", "./*.test", "./*"] {
        let test = MeshTest::new(&scoped(import)).start().await;
        assert_eq!(test.get("http://api.test/").await.status(), 204, "{import}");
    }
}

/// SC-2: where no listener captures traffic, the block of a port serves the calls that name that port: in process,
/// and at the listener of all ports.
#[tokio::test(start_paused = true)]
async fn sc_2_an_egress_block_with_a_port_serves_calls_that_name_the_port() {
    let far = "apiVersion: v1
kind: Service
metadata: {name: b, namespace: ns-b}
spec: {selector: {app: b}, ports: [{name: http, port: 9080}, {name: http-more, port: 9081}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: b-1, namespace: ns-b, labels: {kubernetes.io/service-name: b}}
addressType: IPv4
ports: [{name: http, port: 9080}, {name: http-more, port: 9081}]
endpoints: [{addresses: [10.0.0.2]}]
---
";
    let sidecar = "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [
      {port: {number: 9080, protocol: HTTP, name: egresshttp}, hosts: ['ns-b/*']}, {hosts: ['./*']}]}";
    let yaml = service("a", "http", 80, &["10.0.0.1"]) + far + &object("Sidecar", "default", sidecar);
    let test = MeshTest::new(&yaml).start().await;
    let _both = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:9080"));
    for (authority, status) in [("b.ns-b:9080", 200), ("b.ns-b:9081", 502), ("b.ns-b", 502), ("a", 200)] {
        let in_process = test.get(&format!("http://{authority}/")).await;
        assert_eq!(in_process.status(), status, "{authority} in process");
        let request = Request::get("/").header("host", authority).body(Body::empty()).unwrap();
        let answer = in_process_of_all_ports(&test, request).await;
        assert_eq!(answer.status(), status, "{authority} at the listener of all ports");
    }
}

async fn in_process_of_all_ports(test: &TestMesh, request: Request<Body>) -> Answer {
    match in_process(test.mesh(), "outbound|15001").oneshot(request).await {
        Ok(response) => Answer::read(response, None).await,
        Err(error) => Answer::read(error.response(false), Some(error)).await,
    }
}

/// LB-17: one address with two sets of labels is in the subsets of both.
#[tokio::test(start_paused = true)]
async fn dr_5_endpoints_of_one_address_stand_in_the_subsets_of_each_ones_labels() {
    let endpoints =
        "[{address: 10.0.0.1, labels: {version: v1}}, {address: 10.0.0.1, labels: {version: v2}}]";
    let ports = "ports: [{number: 80, name: http, protocol: HTTP}]";
    let yaml = object(
        "ServiceEntry",
        "api",
        &format!("{{hosts: [api.test], {ports}, resolution: STATIC, endpoints: {endpoints}}}"),
    ) + &object(
        "DestinationRule",
        "api",
        "{host: api.test, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}",
    ) + &object(
        "VirtualService",
        "api",
        "{hosts: [api.test], http: [
           {match: [{uri: {prefix: /v1}}], route: [{destination: {host: api.test, subset: v1}}]},
           {match: [{uri: {prefix: /v2}}], route: [{destination: {host: api.test, subset: v2}}]},
           {route: [{destination: {host: api.test}}]}]}",
    );
    let test = MeshTest::new(&yaml).start().await;
    let _api = test.upstream("10.0.0.1:80");
    for path in ["/v1", "/v2", "/"] {
        assert_eq!(test.get(&format!("http://api.test{path}")).await.status(), 200, "{path}");
    }
    let plan = test.mesh().plan();
    let of = |subset: &str| {
        let id = plan.cluster_id(&ClusterKey::outbound("api.test", 80, subset));
        plan.cluster(id.unwrap()).unwrap()
    };
    let mesh_core::plan::Discovery::Static(all) = &of("").discovery else { panic!("they are written") };
    assert_eq!(all.len(), 1, "one address is one endpoint of the whole");
}

/// SE-1: another name of a service stands wherever that one does.
#[tokio::test(start_paused = true)]
async fn se_1_an_alias_stands_on_the_ports_of_its_service_declared_or_not() {
    let alias = |ports: &str| {
        format!(
            "apiVersion: v1
kind: Service
metadata: {{name: alias, namespace: default}}
spec: {{type: ExternalName, externalName: api.default.svc.cluster.local{ports}}}
---
"
        )
    };
    let rules = "
  - headers: {request: {set: {x-rule: api}}}
    route: [{destination: {host: api}}]";
    for ports in
        ["", ", ports: [{name: http, port: 81}]", ", ports: [{name: http, port: 80}, {name: tcp, port: 82}]"]
    {
        let yaml = service("api", "http", 80, &["10.0.0.1"]) + &alias(ports) + &virtual_service("api", rules);
        let test = MeshTest::new(&yaml).with(|builder| builder.strict(false)).start().await;
        let api = test.upstream("10.0.0.1:80");
        for host in ["alias", "alias.default.svc.cluster.local:80"] {
            assert_eq!(test.get(&format!("http://{host}/")).await.status(), 200, "{host} {ports:?}");
            assert_eq!(api.arrivals().pop().unwrap().headers["x-rule"], "api", "{host} {ports:?}");
        }
    }
}

/// SE-1: the hint about a port names those there are, or says that there is none.
#[test]
fn se_1_a_hint_about_ports_is_whole() {
    let none = "apiVersion: v1
kind: Service
metadata: {name: alias, namespace: default}
spec: {type: ExternalName, externalName: elsewhere.example.com}
---
";
    let rules = "  - route: [{destination: {host: alias, port: {number: 80}}}]";
    let yaml = none.to_owned() + &service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", rules);
    let (documents, _) = Documents::parse([("test.yaml", yaml)]);
    let compiled = mesh_core::plan::compile(&documents, &mesh_core::plan::CompileOptions::default(), None);
    let hints: Vec<&str> =
        compiled.diagnostics.iter().filter_map(|finding| finding.hint.as_deref()).collect();
    assert!(hints.iter().any(|hint| hint.contains("declares no port")), "{hints:?}");
    assert!(!hints.iter().any(|hint| hint.trim_end().ends_with("has port")), "{hints:?}");
}
