//! Rules by the claims of a verified token, at a gateway in memory (VM-8).

use std::sync::Arc;

use http::Request;
use mesh_core::api::Documents;
use mesh_core::identity::Claims;
use mesh_tests::config::service;
use mesh_tests::gateway;
use mesh_tower::context::Context;
use mesh_tower::telemetry::AccessLog;
use mesh_tower::test::{Answer, Network};
use mesh_tower::{Body, Mesh};
use tower::ServiceExt;

const EDGE: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge}
spec:
  hosts: ['*']
  gateways: [edge]
  http:
  - match: [{headers: {'@request.auth.claims.groups': {exact: admin}}}]
    route: [{destination: {host: admin}}]
  - match: [{withoutHeaders: {'@request.auth.claims[sub]': {}}}]
    directResponse: {status: 401}
  - route: [{destination: {host: app}}]
";

async fn ask(claims: Option<serde_json::Value>) -> String {
    let yaml =
        service("app", "http", 80, &["10.0.0.1"]) + &service("admin", "http", 80, &["10.0.0.2"]) + EDGE;
    let (documents, _) = Documents::parse([("edge.yaml", &yaml)]);
    let network = Network::new();
    for (address, name) in [("10.0.0.1:80", "app"), ("10.0.0.2:80", "admin")] {
        network.upstream(address).respond(200, name);
    }
    let mesh = Mesh::from_documents(documents)
        .gateway(true)
        .connector(Arc::new(network))
        .access_log(AccessLog::off())
        .start()
        .await
        .unwrap();
    let mut request = Request::get("http://shop.test/").body(Body::empty()).unwrap();
    if let Some(serde_json::Value::Object(claims)) = claims {
        // An authentication layer does this once it has verified a token.
        request.extensions_mut().insert(Context::default().verified(Claims::new(claims)));
    }
    let response = gateway::in_process(&mesh, "gateway|80").oneshot(request).await.unwrap();
    let answer = Answer::read(response, None).await;
    format!("{} {}", answer.status().as_u16(), answer.text())
}

#[tokio::test(start_paused = true)]
async fn vm_8_a_rule_asks_what_the_verified_token_says() {
    let admin = serde_json::json!({"sub": "u1", "groups": ["dev", "admin"]});
    assert_eq!(ask(Some(admin)).await, "200 admin");
    let user = serde_json::json!({"sub": "u2", "groups": ["dev"]});
    assert_eq!(ask(Some(user)).await, "200 app");
    let nobody = serde_json::json!({"groups": []});
    assert_eq!(ask(Some(nobody)).await, "401 ");
    assert_eq!(ask(None).await, "401 ", "without a token no claim matches");
}
