//! Requests that hit the rules of generated configurations, or just miss them.

use http::{Method, Request};

use super::Role;
use super::act::{MESSAGE, SCRIPT};
use super::draw::Draw;
use super::payload::Payload;
use super::wait::{self, Wait};

pub(super) use super::payload::Outgoing;

/// The request, in both forms.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Payload,
}

pub(super) const HOSTS: [&str; 10] = [
    "a.test:8080",
    "a.test:8081",
    "b.test:8080",
    "dead.test:8080",
    "A.test:8080",
    "unknown.test:8080",
    "c.default.svc.cluster.local:8080",
    "c:8080",
    "w.test:8080",
    "alias.default:8080",
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
const SCRIPTS: [&str; 20] = [
    "",
    "",
    "",
    "",
    "",
    "503",
    "503,200",
    "500,503,200",
    "break",
    "break,200",
    "404",
    "409,200",
    "429",
    "limited",
    "limited,200",
    "cut",
    "503,cut",
    "grpc-14",
    "grpc-1,200",
    "trailers-8",
];
const GRPC_SCRIPTS: [&str; 14] = [
    "trailers-0",
    "trailers-0",
    "trailers-0",
    "trailers-14",
    "trailers-13",
    "grpc-0",
    "grpc-14",
    "grpc-14,trailers-0",
    "grpc-1,grpc-8,trailers-0",
    "grpc-4,grpc-13/2,trailers-0",
    "grpc-14/-1,trailers-0",
    "503,trailers-0",
    "break,trailers-0",
    "cut",
];
const METHODS: [&str; 4] =
    ["/shop.Reviews/Get", "/shop.Reviews/Put", "/shop.Other/Get", "/other.Reviews/Get"];

/// One request; some are never answered, and wait.
pub(super) fn generate(role: Role, draw: &mut Draw) -> Sent {
    match wait::generate(draw) {
        None if role == Role::Sidecar && draw.below(1000) < 8 => large(draw),
        None => answered(draw),
        Some(wait) => waiting(wait, role, draw),
    }
}

fn answered(draw: &mut Draw) -> Sent {
    let host = draw.one(&[0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 8, 9]);
    let host = HOSTS[host];
    let uri = format!("http://{host}{}{}", draw.one(&PATHS), draw.one(&QUERIES));
    let method =
        draw.one(&[Method::GET, Method::GET, Method::GET, Method::POST, Method::PUT, Method::OPTIONS]);
    let has_body = matches!(method, Method::POST | Method::PUT);
    let body = if has_body { Payload::generate(draw) } else { Payload::default() };
    let mut headers = vec![(SCRIPT, draw.one(&SCRIPTS).to_owned())];
    rule_headers(&mut headers, draw);
    if draw.percent(10) {
        headers.retain(|(name, _)| !["content-type", "te", SCRIPT].contains(name));
        headers.push((SCRIPT, draw.one(&GRPC_SCRIPTS).to_owned()));
        headers.push(("content-type", "application/grpc".to_owned()));
        if draw.percent(80) {
            headers.push(("te", "trailers".to_owned()));
        }
        // Half of them go to the mesh's other services, which have policies of their own.
        let host = if draw.percent(50) { GRPC.to_owned() } else { format!("http://{host}") };
        let uri = format!("{host}{}", draw.one(&METHODS));
        return Sent { method: Method::POST, uri, headers, body: Payload::Whole(MESSAGE) };
    }
    Sent { method, uri, headers, body }
}

/// A request too large to be kept for another try. A caller that is answered while it sends may not read that answer
/// over HTTP/1.1, and a mirror may fall behind: so it goes to a route where only the backend answers, and the backend
/// reads it all.
fn large(draw: &mut Draw) -> Sent {
    let script = draw.one(&["", "503,200", "503", "break,200"]);
    let headers = vec![(SCRIPT, script.to_owned()), ("x-envoy-retry-on", "5xx,reset".to_owned())];
    let uri = "http://c-one.default:8080/large".to_owned();
    Sent { method: Method::PUT, uri, headers, body: Payload::Large }
}

/// Headers that rules and policies match.
fn rule_headers(headers: &mut Vec<(&'static str, String)>, draw: &mut Draw) {
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
    maybe(8, "x-envoy-retry-on", &["5xx", "retriable-4xx,reset", "retriable-headers", "nonsense"]);
    maybe(6, "x-envoy-retriable-status-codes", &["404,429"]);
    maybe(6, "x-envoy-retriable-header-names", &["x-old", "grpc-status,x-envoy-ratelimited"]);
    maybe(6, "x-envoy-retry-grpc-on", &["unavailable,internal", "cancelled, resource-exhausted"]);
    maybe(6, "x-envoy-upstream-rq-timeout-ms", &["60000", "0", "x"]);
    maybe(6, "x-envoy-upstream-rq-per-try-timeout-ms", &["60000", "0", "x"]);
    maybe(6, "grpc-timeout", &["50S", "1H", "0m", "123456789m", "1"]);
    maybe(6, "idempotency-key", &["k-1"]);
    maybe(12, "content-type", &["application/grpc", "application/grpc+proto", "application/json"]);
    maybe(5, "te", &["trailers", "gzip"]);
    maybe(4, "connection", &["x-user"]);
    maybe(4, "traceparent", &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]);
}

/// A request for a service whose rules wait, or with a limit of its own.
fn waiting(wait: Wait, role: Role, draw: &mut Draw) -> Sent {
    let (host, ruled) = draw.one(&[
        (HOSTS[0], true),
        (HOSTS[0], true),
        (HOSTS[1], true),
        (HOSTS[2], false),
        (HOSTS[6], false),
        ("c.default:8082", false),
    ]);
    let path = draw.one(&[wait::PATH, wait::PATH, "/reviews", "/shop.Reviews/Get"]);
    let mut headers = vec![(SCRIPT, wait.script(draw).to_owned())];
    if ruled && draw.percent(70) || path == wait::PATH && draw.percent(30) {
        headers.push((wait::WAITS, wait.name().to_owned()));
        if draw.percent(20) {
            headers.push(("content-type", "application/grpc".to_owned()));
            headers.push(("grpc-timeout", "50S".to_owned()));
        }
    } else {
        headers.extend(wait.limit(role, draw));
    }
    if draw.percent(30) {
        headers.push(("x-user", draw.one(&["ann", "bob"]).to_owned()));
    }
    let method = draw.one(&[Method::GET, Method::POST]);
    let body = if method == Method::POST { Payload::generate(draw) } else { Payload::default() };
    Sent { method, uri: format!("http://{host}{path}"), headers, body }
}

impl Sent {
    /// The request; only callers that speak HTTP/2 send trailers.
    pub(super) fn request(&self, http2: bool) -> Request<Outgoing> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.uri);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(self.body.body(http2)).expect("a sound request")
    }
}
