//! Requests that hit the rules of generated configurations, or just miss them.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;

use super::backends::SCRIPT;
use super::draw::Draw;

/// What is sent, both ways.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: &'static str,
}

pub(super) const HOSTS: [&str; 8] = [
    "a.test:8080",
    "a.test:8081",
    "b.test:8080",
    "dead.test:8080",
    "A.test:8080",
    "unknown.test:8080",
    "c.default.svc.cluster.local:8080",
    "c:8080",
];
/// Where gRPC is called.
const GRPC: &str = "http://c.default:8082";
pub(super) const PATHS: [&str; 9] = [
    "/",
    "/reviews",
    "/reviews/7",
    "/reviewsX",
    "/Reviews/7",
    "/api/v1/x",
    "/api/../reviews",
    "/a//b%7e",
    "/old/x",
];
const QUERIES: [&str; 5] = ["", "?page=2", "?page=2&sort=up", "?sort", "?page="];
const SCRIPTS: [&str; 12] =
    ["", "", "", "", "503", "503,200", "500,503,200", "break", "break,200", "404", "409,200", "429"];

pub(super) fn generate(draw: &mut Draw) -> Sent {
    let host = draw.one(&[0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 7]);
    let host = HOSTS[host];
    let uri = format!("http://{host}{}{}", draw.one(&PATHS), draw.one(&QUERIES));
    let method =
        draw.one(&[Method::GET, Method::GET, Method::GET, Method::POST, Method::PUT, Method::OPTIONS]);
    let body =
        if matches!(method, Method::POST | Method::PUT) { draw.one(&["", "a body", "another"]) } else { "" };
    let mut headers = vec![(SCRIPT, draw.one(&SCRIPTS).to_owned())];
    let mut maybe = |share, name, values: &[&str]| {
        if draw.percent(share) {
            headers.push((name, draw.one(values).to_owned()));
        }
    };
    maybe(40, "x-user", &["ann", "annabel", "bob", ""]);
    maybe(30, "x-canary", &["yes", "no"]);
    maybe(20, "cookie", &["user=ann", "user=bob; b=2", "other=1"]);
    maybe(25, "origin", &["https://shop.example", "https://evil.example"]);
    maybe(15, "access-control-request-method", &["GET", "PATCH"]);
    maybe(10, "access-control-request-headers", &["x-user"]);
    maybe(20, "x-request-id", &["mine", "0b0d4a3c-6a1e-4b9a-8f60-8f3b1d2c4e5f"]);
    maybe(8, "x-envoy-max-retries", &["0", "3", "no number"]);
    maybe(8, "x-envoy-retry-on", &["5xx", "retriable-4xx,reset", "nonsense"]);
    maybe(6, "x-envoy-retriable-status-codes", &["404,429"]);
    maybe(6, "x-envoy-upstream-rq-timeout-ms", &["60000", "0", "x"]);
    maybe(6, "idempotency-key", &["k-1"]);
    maybe(12, "content-type", &["application/grpc", "application/grpc+proto", "application/json"]);
    maybe(5, "te", &["trailers", "gzip"]);
    maybe(4, "connection", &["x-user"]);
    maybe(4, "traceparent", &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]);
    if draw.percent(8) {
        let path =
            draw.one(&["/shop.Reviews/Get", "/shop.Reviews/Put", "/shop.Other/Get", "/other.Reviews/Get"]);
        headers.retain(|(name, _)| *name != "content-type");
        headers.push(("content-type", "application/grpc".to_owned()));
        return Sent { method: Method::POST, uri: format!("{GRPC}{path}"), headers, body: "\0\0\0\0\0" };
    }
    Sent { method, uri, headers, body }
}

impl Sent {
    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.uri);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(Full::new(Bytes::from_static(self.body.as_bytes()))).expect("a sound request")
    }
}
