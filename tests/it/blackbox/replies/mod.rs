//! An answer that the mesh makes is the same as a library error and from the proxy (RF-2, RF-4, RF-7): at a gateway,
//! at a sidecar and in process, in plain HTTP and in gRPC.

mod config;
mod rows;
mod world;

use std::collections::BTreeSet;

use http::Request;
use mesh_core::reply::Flag;
use mesh_tests::backend::Backend;
use mesh_tower::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::rows::{NEVER, ROWS, Row};
use self::world::{Place, World};

/// The request that gets this row's answer.
fn request(row: &Row, step: &str, grpc: bool) -> Request<Body> {
    let host = match row.name {
        "nameless" => "nameless.gone.test".to_owned(),
        name => format!("{name}.test"),
    };
    let mut request = Request::post("/").header("x-step", step);
    match row.name {
        "hostless" => {}
        "two-hosts" => request = request.header("host", &host).header("host", "other.test"),
        _ => request = request.header("host", host),
    }
    if row.name == "upgrade" {
        request = request.header("connection", "upgrade").header("upgrade", "quic");
    }
    if grpc {
        request = request.header("content-type", "application/grpc");
    }
    request.body(Body::from("x")).unwrap()
}

#[tokio::test]
async fn rf_7_a_library_error_becomes_the_proxys_answer() {
    let mut world = World::start().await;
    for row in &ROWS {
        for grpc in [false, true] {
            let step = format!("{}-{grpc}", row.name);
            let ours = world.library(request(row, &step, grpc), grpc).await;
            for place in [Place::Sidecar, Place::Gateway] {
                if row.outbound && place == Place::Gateway {
                    continue;
                }
                let theirs = world.proxy(place, request(row, &step, grpc)).await;
                assert_eq!(ours.wire, theirs.wire, "{step} at {place:?}");
                assert_eq!(ours.log, theirs.log, "{step} at {place:?}");
            }
            let (status, headers, body) = ours.wire;
            let fields = ours.log.split(' ').collect::<Vec<_>>();
            let [_, code, flags, details, number] = fields[..] else { panic!("{fields:?}") };
            assert_eq!(flags, row.flags, "{step}");
            assert!(details.starts_with(row.details), "{step}: {details}");
            assert_eq!(code, status.to_string(), "{step}: the log tells what was sent");
            if row.status != 301 && row.name != "direct" {
                assert_eq!(headers["x-mesh-reason"], details, "{step}");
            }
            assert_eq!(headers.contains_key("x-envoy-overloaded"), row.flags == "UO", "{step}");
            if grpc || row.name == "abort-grpc" {
                assert_eq!((status, body.len()), (200, 0), "{step}");
                assert_eq!(headers["content-type"], "application/grpc");
                assert_eq!(headers["grpc-status"], row.grpc.to_string(), "{step}");
                let message = headers.get("grpc-message").map_or("", String::as_str);
                assert!(message.starts_with(row.body), "{step}: {message}");
            } else {
                assert_eq!(status, row.status, "{step}");
                let text = String::from_utf8(body).unwrap();
                assert!(
                    text.starts_with(row.body) && text.is_empty() == row.body.is_empty(),
                    "{step}: {text}"
                );
                assert_eq!(number, "-", "{step}");
            }
            if grpc {
                assert_eq!(number, row.grpc.to_string(), "{step}");
            }
        }
    }
}

#[test]
fn rf_1_every_flag_is_compared_or_has_a_reason() {
    let compared: BTreeSet<&str> = ROWS.iter().flat_map(|row| row.flags.split(',')).collect();
    for flag in Flag::ALL {
        let never = NEVER.iter().any(|(name, _)| *name == flag.name());
        assert!(compared.contains(flag.name()) || never, "{flag:?}");
    }
    assert!(NEVER.iter().all(|(_, reason)| !reason.is_empty()));
}

#[tokio::test]
async fn rf_2_a_caller_that_leaves_is_logged_alike() {
    let mut world = World::start().await;
    let call = || Request::get("/").header("host", "leaving.test").header("x-step", "left");
    let ours = world.library_left(call().body(Body::empty()).unwrap()).await;
    assert_eq!(ours, "left 0 DC downstream_remote_disconnect -");
    for place in [Place::Sidecar, Place::Gateway] {
        assert_eq!(world.proxy_left(place, call().body(Body::empty()).unwrap()).await, ours, "{place:?}");
    }
}

#[tokio::test]
async fn gw_12_rf_2_headers_that_are_too_large_are_431() {
    let backend = Backend::text("fine").await;
    let proxy = super::gateway(backend.address(), "HTTP", "").await;
    let mut stream = TcpStream::connect(proxy.address("gateway|80")).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(1 << 20));
    // The proxy may close while this is being written.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 431");
    assert_eq!(backend.served(), 0);
}

#[tokio::test]
async fn hd_8_expect_is_answered_and_passed_on() {
    let backend = Backend::start(|request| async move {
        let expected = request.headers().contains_key("expect");
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        http::Response::new(Body::from(format!("{expected} {}", body.len())))
    })
    .await;
    let proxy = super::gateway(backend.address(), "HTTP", "").await;
    let mut stream = TcpStream::connect(proxy.address("gateway|80")).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200") && rest.ends_with("true 5"), "{rest}");
}
