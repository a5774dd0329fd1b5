//! The same backends behind a mesh and behind Envoy.

use std::net::SocketAddr;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use mesh_core::api::Documents;
use mesh_tests::backend::Backend;
use mesh_tests::config::{destination_rule, virtual_service};
use mesh_tower::telemetry::AccessLog;
use mesh_tower::{Body, Mesh};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::envoy::process::Envoy;

/// Backends that answer with their number; a request with `fail-first` gets 503 at the first attempt.
pub(super) struct Backends(Vec<Backend>);

impl Backends {
    pub(super) async fn start(count: usize) -> Self {
        let mut backends = Vec::new();
        for number in 0..count {
            let backend = Backend::start(move |request| async move {
                let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
                let mut response = Response::new(Body::from(number.to_string()));
                if header("fail-first").is_some() && header("x-envoy-attempt-count") == Some("1") {
                    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                }
                response
            });
            backends.push(backend.await);
        }
        Self(backends)
    }

    pub(super) fn address(&self, number: usize) -> SocketAddr {
        self.0[number].address()
    }

    /// Envoy's words for one of them.
    pub(super) fn endpoint(&self, number: usize, weight: u32) -> Value {
        let address = self.address(number);
        json!({
            "endpoint": { "address": { "socket_address": {
                "address": address.ip().to_string(), "port_value": address.port(),
            } } },
            "load_balancing_weight": weight,
        })
    }

    /// A ServiceEntry of those with a weight, with label `v: v<number % 2>`.
    pub(super) fn entry(&self, weights: &[u32]) -> String {
        let mut yaml = "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: default}
spec:
  hosts: [api.test]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints:
"
        .to_owned();
        for (number, weight) in weights.iter().enumerate() {
            let (ip, port) = (self.address(number).ip(), self.address(number).port());
            yaml += &format!(
                "  - {{address: {ip}, ports: {{http: {port}}}, weight: {weight}, labels: {{v: v{}}}}}\n",
                number % 2
            );
        }
        yaml + "---\n"
    }
}

/// A case in both languages.
pub(super) struct Case {
    pub(super) weights: Vec<u32>,
    /// The YAML below `consistentHash:`, in one line.
    pub(super) istio: &'static str,
    /// `http[].retries`.
    pub(super) retries: &'static str,
    /// The load balancing of the cluster.
    pub(super) policy: Value,
    /// `hash_policy` of the route.
    pub(super) hash: Value,
    /// `retry_policy` of the route.
    pub(super) retry: Value,
}

impl Case {
    pub(super) fn new(weights: &[u32], istio: &'static str, policy: Value, hash: Value) -> Self {
        let retries = "{attempts: 0}";
        Self { weights: weights.to_vec(), istio, retries, policy, hash, retry: json!({}) }
    }

    pub(super) fn retries(mut self, istio: &'static str, envoy: Value) -> Self {
        self.retries = istio;
        self.retry = envoy;
        self
    }

    pub(super) fn cluster(&self, backends: &Backends) -> Value {
        let endpoints: Vec<_> = self
            .weights
            .iter()
            .enumerate()
            .map(|(number, weight)| backends.endpoint(number, *weight))
            .collect();
        cluster("api", &self.policy, &json!([{ "lb_endpoints": endpoints }]))
    }

    pub(super) fn bootstrap(&self, backends: &Backends) -> Value {
        let route = json!({ "cluster": "api", "hash_policy": self.hash, "retry_policy": self.retry });
        bootstrap(&route, &json!([self.cluster(backends)]))
    }

    pub(super) async fn mesh(&self, backends: &Backends) -> Mesh {
        let http = format!("  - retries: {}\n    route: [{{destination: {{host: api.test}}}}]", self.retries);
        let policy = format!("  trafficPolicy: {{loadBalancer: {{consistentHash: {}}}}}", self.istio);
        let yaml = backends.entry(&self.weights)
            + &destination_rule("api.test", &policy)
            + &virtual_service("api.test", &http);
        // Our budget would end a storm of retries that Envoy continues (CB-10).
        mesh(true, &yaml).await
    }
}

pub(super) async fn mesh(istio_runtime: bool, yaml: &str) -> Mesh {
    let (documents, diagnostics) = Documents::parse([("mesh.yaml", yaml)]);
    assert!(!diagnostics.has_errors(), "{diagnostics}");
    let builder = Mesh::from_documents(documents).access_log(AccessLog::off()).seed(1);
    builder.istio_runtime(istio_runtime).start().await.unwrap()
}

/// A static cluster; `policy` has its load balancing.
pub(super) fn cluster(name: &str, policy: &Value, endpoints: &Value) -> Value {
    let mut cluster = json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "10s",
        "load_assignment": { "cluster_name": name, "endpoints": endpoints },
    });
    for (key, value) in policy.as_object().unwrap() {
        cluster[key] = value.clone();
    }
    cluster
}

pub(super) fn bootstrap(route: &Value, clusters: &Value) -> Value {
    const TYPE: &str = "type.googleapis.com/envoy.extensions.filters";
    let any = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let manager = json!({
        "@type": format!("{TYPE}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "entry",
        "http_filters": [{
            "name": "router",
            "typed_config": { "@type": format!("{TYPE}.http.router.v3.Router") },
        }],
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "include_request_attempt_count": true,
            "routes": [{ "match": { "prefix": "/" }, "route": route }],
        }] },
    });
    json!({
        "admin": { "address": any },
        "static_resources": {
            "listeners": [{ "name": "entry", "address": any, "filter_chains": [{
                "filters": [{ "name": "manager", "typed_config": manager }],
            }] }],
            "clusters": clusters,
        },
    })
}

/// A kept connection to Envoy.
pub(super) struct Connection(SendRequest<Body>);

impl Connection {
    pub(super) async fn to(envoy: &Envoy) -> Self {
        let stream = TcpStream::connect(envoy.listener()).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// The answer to a GET: headers and text.
    pub(super) async fn ask(&mut self, path: &str, headers: &HeaderMap) -> (HeaderMap, String) {
        self.0.ready().await.unwrap();
        let response = self.0.send_request(request(path, headers)).await.unwrap();
        let (head, body) = response.into_parts();
        (head.headers, text(&body.collect().await.unwrap().to_bytes()))
    }
}

pub(super) fn request(target: &str, headers: &HeaderMap) -> Request<Body> {
    let mut request = Request::get(target).body(Body::empty()).unwrap();
    request.headers_mut().insert("host", "api.test".parse().unwrap());
    request.headers_mut().extend(headers.clone());
    request
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
