//! Cookies that HTTP/2 callers split into fields (RFC 9113 section 8.2.3).

use http::{HeaderValue, Response, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_tests::backend::Backend;
use mesh_tests::config::{entry, mesh_config};
use mesh_tests::proxy::Proxy;
use mesh_tower::Body;
use tokio::net::TcpStream;

use super::super::{GATEWAY, HOST, PROXY, front};

const RULES: &str = "  - match: [{headers: {cookie: {exact: 'a=1; user=eve'}}}]
    headers: {response: {set: {rule: whole, echo: '%REQ(cookie)%'}}}
    route: [{destination: {host: backend.test, port: {number: 8080}}}]
  - match: [{withoutHeaders: {cookie: {regex: '^(.*; )?user=adam(; .*)?$'}}}]
    headers: {response: {set: {rule: without}}}
    route: [{destination: {host: backend.test, port: {number: 8080}}}]
  - headers: {response: {set: {rule: rest}}}
    route: [{destination: {host: backend.test, port: {number: 8080}}}]";

#[tokio::test]
async fn cookies_split_over_http2_are_joined_for_rules_endpoints_and_the_log() {
    for protocol in ["HTTP", "HTTP2"] {
        let backend = Backend::start(|request| async move {
            let lines = request.headers().get_all("cookie").iter().count();
            let cookie = request.headers().get("cookie").cloned();
            let mut response = Response::new(Body::empty());
            response.headers_mut().insert("lines", lines.into());
            response.headers_mut().insert("came", cookie.unwrap_or(HeaderValue::from_static("")));
            response
        })
        .await;
        let log = "accessLogFile: /dev/stdout\naccessLogFormat: \"COOKIE %REQ(COOKIE)%\\n\"";
        let yaml = mesh_config(log) + &entry(HOST, protocol, 8080, &[backend.address()]) + &front(RULES);
        let mut proxy = Proxy::start(PROXY, &yaml, GATEWAY).await;
        let mut output = proxy.take_output();
        let stream = TcpStream::connect(proxy.address("gateway|80")).await.unwrap();
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        for (cookies, rule) in [
            (&["a=1", "user=eve"][..], "whole"),
            (&["a=1", "b=2", "user=adam", "c=3"], "rest"),
            (&["a=1; user=eve"], "whole"),
            (&["user=adam"], "rest"),
            (&["a=1", "user=adam2"], "without"),
            (&[], "without"),
        ] {
            let mut request =
                http::Request::get("http://edge.test/").body(Empty::<bytes::Bytes>::new()).unwrap();
            for cookie in cookies {
                request.headers_mut().append("cookie", HeaderValue::from_static(cookie));
            }
            let response = sender.send_request(request).await.unwrap();
            let joined = cookies.join("; ");
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()["rule"], rule, "{protocol} {joined}");
            assert_eq!(response.headers()["came"], joined, "{protocol}");
            assert_eq!(response.headers()["lines"], HeaderValue::from(usize::from(!cookies.is_empty())));
            if rule == "whole" {
                assert_eq!(response.headers()["echo"], joined);
            }
            let logged = output.recv().await.unwrap();
            assert_eq!(logged, format!("COOKIE {}", if joined.is_empty() { "-" } else { &joined }));
        }
    }
}
