//! `WebSocket`s through the gateway (VA-14).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use mesh_tests::proxy::Proxy;

use super::{HOST, PROXY, gateway};

/// Sends back all frames. It closes connections of plain HTTP.
pub(crate) async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() || message.is_binary() {
                        socket.send(message).await.unwrap();
                    }
                }
            });
        }
    });
    address
}

/// Sends back all data on streams, by an extended `CONNECT` (RFC 8441); speaks no HTTP/1.1. Refuses `/closed`.
pub(crate) async fn echo_on_streams() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = |mut request: Request<hyper::body::Incoming>| async move {
        assert_eq!(request.method(), Method::CONNECT);
        assert_eq!(request.extensions().get::<Protocol>().unwrap().as_str(), "websocket");
        assert!(!request.headers().contains_key("sec-websocket-key"));
        assert_eq!(request.headers()["sec-websocket-version"], "13");
        if request.uri().path() == "/closed" {
            let refusal = Response::builder().status(403).body(Full::from("not today"));
            return Ok::<_, std::convert::Infallible>(refusal.unwrap());
        }
        let stream = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let stream = TokioIo::new(stream.await.unwrap());
            let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() || message.is_binary() {
                    socket.send(message).await.unwrap();
                }
            }
        });
        Ok(Response::new(Full::<bytes::Bytes>::default()))
    };
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.enable_connect_protocol();
            let connection = server.serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(async move { drop(connection.await) });
        }
    });
    address
}

pub(crate) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    for size in [1, 1_000, 1_000_000] {
        let text = "x".repeat(size);
        socket.send(Message::text(text.clone())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), text.as_str());
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

#[tokio::test]
async fn va_14_an_echo_of_text_and_of_much() {
    // To an endpoint of HTTP/2 too: an upgrade gets a connection of its own.
    for protocol in ["HTTP", "HTTP2"] {
        let proxy = gateway(echo().await, protocol, "").await;
        let gateway = proxy.address("gateway|80");
        let stream = TcpStream::connect(gateway).await.unwrap();
        let (socket, response) =
            tokio_tungstenite::client_async(format!("ws://{gateway}/chat"), stream).await.unwrap();
        assert_eq!(response.status(), 101);
        talk(socket).await;
    }
}

#[tokio::test]
async fn va_14_a_routes_timeout_does_not_cut_what_was_upgraded() {
    let limit = Duration::from_secs(1);
    let proxy = gateway(echo().await, "HTTP", "    timeout: 1s").await;
    let gateway = proxy.address("gateway|80");
    let stream = TcpStream::connect(gateway).await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://{gateway}/chat"), stream).await.unwrap();
    let start = Instant::now();
    while start.elapsed() < limit + limit / 10 {
        socket.send(Message::text("still there?")).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "still there?");
    }
}

/// In both directions over HTTP/2 to the endpoint: the caller asks over HTTP/1.1, or by an extended `CONNECT`.
#[tokio::test]
async fn va_14_an_endpoint_of_http2_gives_a_stream() {
    let proxy = gateway(echo_on_streams().await, "HTTP2", "").await;
    let gateway = proxy.address("gateway|80");
    // The client checks the proof, which an endpoint of HTTP/2 does not give.
    for _ in 0..2 {
        let stream = TcpStream::connect(gateway).await.unwrap();
        let (socket, response) =
            tokio_tungstenite::client_async(format!("ws://{gateway}/chat"), stream).await.unwrap();
        assert_eq!(response.status(), 101);
        talk(socket).await;
    }
    let stream = TcpStream::connect(gateway).await.unwrap();
    let refused =
        tokio_tungstenite::client_async(format!("ws://{gateway}/closed"), stream).await.unwrap_err();
    let tokio_tungstenite::tungstenite::Error::Http(answer) = refused else { panic!("{refused}") };
    assert_eq!(answer.status(), 403);

    let stream = TokioIo::new(TcpStream::connect(gateway).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let ask = |path: &str| {
        let uri = format!("http://{gateway}{path}");
        let request = Request::connect(uri).header("sec-websocket-version", "13");
        request.extension(Protocol::from_static("websocket")).body(Empty::<bytes::Bytes>::new()).unwrap()
    };
    // The settings of the connection are known after the first answer.
    let plain = Request::get(format!("http://{gateway}/closed")).body(Empty::new()).unwrap();
    drop(sender.send_request(plain).await.unwrap());
    let refused = sender.send_request(ask("/closed")).await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.into_body().collect().await.unwrap().to_bytes(), "not today");
    let response = sender.send_request(ask("/chat")).await.unwrap();
    assert_eq!(response.status(), 200);
    let stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    talk(WebSocketStream::from_raw_socket(stream, Role::Client, None).await).await;
    connection.abort();
}

#[tokio::test]
async fn va_14_a_websocket_over_http2_is_one_over_http1_to_the_endpoint() {
    let proxy = gateway(echo().await, "HTTP", "").await;
    let address = proxy.address("gateway|80");
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let ask = |method, path: &str| {
        let request = Request::builder().method(method).uri(format!("http://{address}{path}"));
        request.header("sec-websocket-version", "13").body(Empty::<bytes::Bytes>::new()).unwrap()
    };
    // An answer arrives after the settings, which allow the next request.
    assert!(!sender.send_request(ask(Method::GET, "/")).await.unwrap().status().is_success());

    let mut foreign = ask(Method::CONNECT, "/chat");
    foreign.extensions_mut().insert(Protocol::from_static("connect-udp"));
    assert_eq!(sender.send_request(foreign).await.unwrap().status(), 403);

    let mut request = ask(Method::CONNECT, "/chat");
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    let stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    talk(WebSocketStream::from_raw_socket(stream, Role::Client, None).await).await;
    connection.abort();
}

/// It counts as a request at the endpoint, and is reported at its end.
#[tokio::test]
async fn va_14_cb_1_a_websocket_is_a_request_until_it_ends() {
    let proxy = gateway(echo().await, "HTTP", "").await;
    let gateway = proxy.address("gateway|80");
    let stream = TcpStream::connect(gateway).await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://{gateway}/chat"), stream).await.unwrap();
    socket.send(Message::text("here")).await.unwrap();
    socket.next().await.unwrap().unwrap();
    let active = |count: u8| format!("cluster_name=\"outbound|8080||{HOST}\"}} {count}\n");
    let gauge = |stats: &str, count: u8| {
        stats.contains(&format!("envoy_cluster_upstream_rq_active{{{}", active(count)))
            && stats.contains(&format!("envoy_cluster_upstream_cx_active{{{}", active(count)))
    };
    let is_told = |stats: &str| {
        stats.lines().any(|line| line.starts_with("istio_requests_total{") && line.contains("\"101\""))
    };
    let (_, stats) = proxy.admin("/stats/prometheus").await;
    assert!(gauge(&stats, 1), "{stats}");
    assert!(!is_told(&stats));
    talk(socket).await;
    proxy.until("/stats/prometheus", |_, stats| gauge(stats, 0) && is_told(stats)).await;
}

/// A tunnel keeps its connection's place among `maxConnections`.
#[tokio::test]
async fn va_14_cb_1_no_more_websockets_than_connections() {
    let rule = mesh_tests::config::destination_rule(
        HOST,
        "  trafficPolicy: {connectionPool: {tcp: {maxConnections: 2}, http: {http1MaxPendingRequests: 1}}}",
    );
    let yaml = rule + &super::edge(echo().await, "HTTP", "");
    let proxy = Proxy::start(PROXY, &yaml, "--role gateway --bind 80=127.0.0.1:0 --workers 1").await;
    let gateway = proxy.address("gateway|80");
    let open = || async move {
        let stream = TcpStream::connect(gateway).await.unwrap();
        tokio_tungstenite::client_async(format!("ws://{gateway}/chat"), stream).await
    };
    let (first, _) = open().await.unwrap();
    let (second, _) = open().await.unwrap();
    // One call waits in line; the next call finds no room.
    let third = tokio::spawn(open());
    proxy
        .until("/stats/prometheus", |_, stats| {
            stats.contains("rq_pending_active{cluster_name=\"outbound|8080||backend.test\"} 1")
        })
        .await;
    let tokio_tungstenite::tungstenite::Error::Http(answer) = open().await.unwrap_err() else { panic!() };
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-envoy-overloaded"]),
        (503, &"true".parse().unwrap())
    );
    talk(first).await;
    talk(third.await.unwrap().unwrap().0).await;
    talk(second).await;
}
