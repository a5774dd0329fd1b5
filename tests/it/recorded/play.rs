//! Plays a request through the production stack; its outcome is in the recording's words.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use mesh_core::identity::{Labels, Workload};
use mesh_tests::gateway::in_process;
use mesh_tower::normalize::Downstream;
use mesh_tower::test::{MeshTest, TestMesh};
use mesh_tower::{Body, Error, grpc};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::case::{self, Case, Configuration};
use super::endpoint;

/// The port that every recording listens on.
const PORT: u16 = 54321;

/// The workload of the proxy.
pub(super) struct Role {
    pub(super) gateway: bool,
    pub(super) namespace: &'static str,
    pub(super) service_account: &'static str,
    pub(super) labels: &'static [(&'static str, &'static str)],
    /// The endpoints, from port 20001.
    pub(super) endpoints: &'static [&'static str],
    /// The request headers whose arrival was recorded; empty for all.
    pub(super) only: &'static [&'static str],
}

impl Role {
    fn workload(&self) -> Workload {
        let labels = self.labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Workload {
            name: "recorded".into(),
            namespace: self.namespace.into(),
            service_account: self.service_account.into(),
            labels: labels.collect::<Labels>(),
            gateway: self.gateway,
            ..Workload::default()
        }
    }

    /// The mesh of a configuration, with its endpoints.
    pub(super) async fn start(&self, configuration: &Configuration) -> TestMesh {
        let test = MeshTest::from_documents(case::parse(configuration.documents()))
            .identity(self.workload())
            // Istio leaves out wrong parts and serves the rest.
            .with(|builder| builder.gateway(self.gateway).strict(false))
            .start()
            .await;
        endpoint::start(&test, self.endpoints);
        test
    }
}

/// The service behind the recording's port.
pub(super) type Listener = BoxCloneSyncService<Request<Body>, Response<Body>, Error>;

/// The stack of the recording's port; `None` if no listener is there.
pub(super) fn listener(test: &TestMesh) -> Option<Listener> {
    let plan = test.mesh().plan();
    let listener = plan.listeners.iter().find(|listener| listener.port == PORT)?;
    Some(in_process(test.mesh(), &listener.key.to_string()))
}

/// The request of a case, as a connection of HTTP/1.1 would deliver it.
pub(super) fn request(case: Case<'_>) -> Request<Body> {
    request_to(case, case.asked("host"), case.asked("path"))
}

/// The same for a recording whose cases all go to one host.
pub(super) fn request_to(case: Case<'_>, host: &str, path: &str) -> Request<Body> {
    let mut headers = HeaderMap::new();
    headers.append("host", value(host));
    for pair in case.request["headers"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let name: HeaderName = pair[0].as_str().unwrap().parse().unwrap();
        headers.append(name, value(pair[1].as_str().unwrap()));
    }
    let builder = Request::builder().method(case.asked("method")).uri(path);
    let mut request = builder.body(Body::empty()).unwrap();
    *request.headers_mut() = headers;
    request.extensions_mut().insert(Downstream::new(([127, 0, 0, 1], 40000).into()));
    request
}

fn value(text: &str) -> HeaderValue {
    // The wire has no blanks around a value.
    HeaderValue::from_bytes(text.trim().as_bytes()).unwrap()
}

/// Sends the request; returns the outcome in the recording's form.
pub(super) async fn play(listener: &Listener, request: Request<Body>, only: &[&str]) -> Value {
    let speaks_grpc = grpc::is_grpc(request.headers());
    let is_head = request.method() == Method::HEAD;
    let answer = listener.clone().oneshot(request).await;
    let (head, body) = answer.unwrap_or_else(|error| error.response(speaks_grpc)).into_parts();
    let Ok(body) = body.collect().await else { return json!({"error": "IncompleteReadError"}) };
    // The server of the connection sends no body to a HEAD.
    let body = if is_head { String::new() } else { String::from_utf8_lossy(&body.to_bytes()).into_owned() };
    let mut seen = json!({"status": head.status.as_u16(), "response": endpoint::headers(&head.headers)});
    let reported: Option<Value> =
        serde_json::from_str(&body).ok().filter(|reported: &Value| !reported["backend"].is_null());
    let Some(mut reported) = reported else {
        seen["body"] = body.chars().take(200).collect::<String>().into();
        return seen;
    };
    if !only.is_empty() {
        reported["request"].as_object_mut().unwrap().retain(|name, _| only.contains(&name.as_str()));
    }
    seen.as_object_mut().unwrap().append(reported.as_object_mut().unwrap());
    seen
}
