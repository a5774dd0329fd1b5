//! Peers and callers that break off at bad moments, over sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mesh_core::api::Documents;
use mesh_tests::counters::Counters;
use mesh_tests::http2;
use mesh_tower::{Body, BoxError, Mesh};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

const HOST: &str = "peer.example";

/// More frames than any limit allows without a cost to the sender.
const FLOOD: usize = 20_000;

/// No step here takes long; a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

async fn mesh(protocol: &str, address: SocketAddr, rule: &str) -> Mesh {
    let yaml = mesh_tests::config::entry(HOST, protocol, 8080, &[address]) + rule;
    let (documents, findings) = Documents::parse([("peer.yaml", yaml)]);
    assert!(!findings.has_errors(), "{findings}");
    Mesh::from_documents(documents).start().await.unwrap()
}

async fn get(mesh: &mesh_tower::Client) -> Result<String, mesh_tower::Error> {
    let request = http::Request::get(format!("http://{HOST}:8080/")).body(Body::empty()).unwrap();
    let response = tokio::time::timeout(PATIENCE, mesh.request(request)).await.expect("no hang")?;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

async fn hello(_: http::Request<hyper::body::Incoming>) -> Result<http::Response<Full<Bytes>>, BoxError> {
    Ok(http::Response::new(Full::new(Bytes::from("hello"))))
}

/// Reads the whole upload before it answers.
async fn whole(
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Full<Bytes>>, BoxError> {
    request.into_body().collect().await?;
    Ok(http::Response::new(Full::new(Bytes::from("hello"))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_accepts_and_closes_is_an_error_until_it_serves() {
    for protocol in ["HTTP", "HTTP2"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serves = Arc::new(AtomicBool::new(false));
        let switch = serves.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if switch.load(Ordering::Relaxed) {
                    tokio::spawn(async move {
                        let service = hyper::service::service_fn(hello);
                        let _ = auto::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            }
        });
        let client = mesh(protocol, address, "").await.client();
        for _ in 0..20 {
            let error = get(&client).await.expect_err("nobody answers");
            let flags = error.reply().flags.to_string();
            assert!(["UF", "UC", "URX,UF", "URX,UC"].contains(&flags.as_str()), "{protocol}: {error}");
        }
        serves.store(true, Ordering::Relaxed);
        let serving = async {
            let mut turn = tokio::time::interval(Duration::from_millis(5));
            while get(&client).await.is_err() {
                turn.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, serving).await.expect("it is reached again");
        assert_eq!(get(&client).await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn od_2_a_callers_broken_upload_ejects_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let service = hyper::service::service_fn(whole);
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    let rule = format!(
        "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: peer, namespace: default}}
spec:
  host: {HOST}
  trafficPolicy:
    outlierDetection: {{consecutive5xxErrors: 1, maxEjectionPercent: 100}}
"
    );
    let client = mesh("HTTP", address, &rule).await.client();
    let broken = futures_util::stream::iter([
        Ok(Frame::data(Bytes::from("three bytes of many"))),
        Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
    ]);
    let body = Body::new(StreamBody::new(broken));
    let upload = http::Request::post(format!("http://{HOST}:8080/")).body(body).unwrap();
    client.request(upload).await.expect_err("the upload broke off");
    assert_eq!(get(&client).await.unwrap(), "hello", "the endpoint is still in service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wish_24_a_stream_limit_that_comes_late_is_seen() {
    const CALLS: usize = 4;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    // No call is answered until all have arrived: on connections of one stream each, that takes four.
    let arrived = Arc::new(Barrier::new(CALLS));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            let arrived = arrived.clone();
            tokio::spawn(async move {
                // The settings are sent only after those of the client have arrived.
                let mut preface = [0; 24 + 9];
                while stream.peek(&mut preface).await.unwrap() < preface.len() {
                    tokio::task::yield_now().await;
                }
                let mut builder = h2::server::Builder::new();
                let mut connection =
                    builder.max_concurrent_streams(1).handshake::<_, Bytes>(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let arrived = arrived.clone();
                    tokio::spawn(async move {
                        arrived.wait().await;
                        let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                        body.send_data(Bytes::from("hello"), true).unwrap();
                    });
                }
            });
        }
    });
    let client = mesh("HTTP2", address, "").await.client();
    let calls = (0..CALLS).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { get(&client).await.unwrap() })
    });
    for call in futures_util::future::join_all(calls).await {
        assert_eq!(call.unwrap(), "hello");
    }
    assert_eq!(connections.load(Ordering::Relaxed), CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_left_behind_in_a_connection_that_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Each is closed at once: the request meets the end of its connection at every possible moment.
    tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
        }
    });
    let client = mesh("HTTP", address, "").await.client();
    let calls = (0..16).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..250 {
                get(&client).await.expect_err("nobody answers");
            }
        })
    });
    for call in futures_util::future::join_all(calls).await {
        call.unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_allows_no_stream_and_closes_blocks_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for streams in [0, 100] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut builder = h2::server::Builder::new();
            let handshake = builder.max_concurrent_streams(streams).handshake::<_, Bytes>(stream);
            let mut connection = handshake.await.unwrap();
            if streams == 0 {
                // The settings reach it, and no more bytes do.
                connection.graceful_shutdown();
            }
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                body.send_data(Bytes::from("hello"), true).unwrap();
            }
        }
    });
    let client = mesh("HTTP2", address, "").await.client();
    assert_eq!(get(&client).await.unwrap(), "hello", "by a retry");
}

/// A peer that answers the call with 200 on each connection but the first. On the first it sends a flood of this
/// frame once the call is open.
async fn flooding(one: Vec<u8>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let first = count.fetch_add(1, Ordering::Relaxed) == 0;
            let one = one.clone();
            tokio::spawn(async move {
                let mut peer = http2::Caller::accept(stream).await;
                while peer.until(http2::kind::HEADERS, 1).await.is_some() {
                    // The answers are read meanwhile, so that only the count can end the connection. 0x88 is
                    // `:status: 200`.
                    if first {
                        assert!(peer.is_closed_by(one.repeat(FLOOD), 3).await);
                        return;
                    }
                    let ended = http2::END_HEADERS | http2::END_STREAM;
                    peer.send(&http2::frame(http2::kind::HEADERS, ended, 1, &[0x88])).await;
                }
            });
        }
    });
    (address, connections)
}

#[tokio::test]
async fn a_peer_that_floods_loses_its_connection_and_the_next_call_dials_anew() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let rule = mesh_tests::config::virtual_service(
        HOST,
        &format!("  - retries: {{attempts: 0}}\n    route: [{{destination: {{host: {HOST}}}}}]"),
    );
    let ping = http2::frame(http2::kind::PING, 0, 0, &[0; 8]);
    let settings = http2::frame(http2::kind::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]);
    for (round, (name, one)) in (1..).zip([("PING", ping), ("SETTINGS", settings)]) {
        let (address, connections) = flooding(one).await;
        let client = mesh("HTTP2", address, &rule).await.client();
        let error = get(&client).await.expect_err("its connection is closed");
        let reply = error.reply();
        assert_eq!(
            (reply.status.as_u16(), reply.flags.to_string().as_str()),
            (502, "UPE"),
            "{name}: {error}"
        );
        assert_eq!(counters.sum("envoy_http2_outbound_control_flood", ""), round, "{name}");
        assert_eq!(get(&client).await.unwrap(), "", "{name}");
        assert_eq!(connections.load(Ordering::Relaxed), 2, "{name}");
        assert_eq!(counters.sum("envoy_http2_outbound_control_flood", ""), round, "{name}: and none more");
    }
}
