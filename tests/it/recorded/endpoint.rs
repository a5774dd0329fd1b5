//! The server of the recordings: it answers with its name and the request that it received.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, Response};
use mesh_tower::Body;
use mesh_tower::test::TestMesh;
use serde_json::{Value, json};

/// Servers with these names at 127.0.0.1, from port 20001.
pub(super) fn start(test: &TestMesh, names: &[&'static str]) {
    for (name, port) in names.iter().copied().zip(20001..) {
        test.upstream(&format!("127.0.0.1:{port}")).handle(move |request| async move {
            let seen = json!({
                "backend": name,
                "method": request.method().as_str(),
                "path": request.uri().path_and_query().map_or("/", |path| path.as_str()),
                "request": headers(request.headers()),
            });
            let mut response = Response::new(Body::from(seen.to_string()));
            response.headers_mut().insert("x-backend", HeaderValue::from_static(name));
            response
        });
    }
}

/// Headers that no recording has: those that each proxy adds, and those of the connection.
const LEFT_OUT: [&str; 14] = [
    "x-request-id",
    "date",
    "server",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-client-cert",
    "traceparent",
    "tracestate",
    "connection",
    "content-length",
    "x-mesh-reason",
    "accept-encoding",
    "transfer-encoding",
    "keep-alive",
];

/// Headers in the recording's words: several values of a name are joined, and some names left out.
pub(super) fn headers(headers: &HeaderMap) -> Value {
    let mut joined: BTreeMap<String, Value> = BTreeMap::new();
    for name in headers.keys() {
        let left_out = LEFT_OUT.contains(&name.as_str());
        if left_out || name.as_str().starts_with("x-envoy-") || name.as_str().starts_with("x-b3-") {
            continue;
        }
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        joined.insert(name.to_string(), values.collect::<Vec<_>>().join(",").into());
    }
    json!(joined)
}
