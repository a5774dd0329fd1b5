//! `WebSocket`s of a program in the mesh: `mesh_tower::upgrade::on`, for each protocol of the endpoint (VA-14).

use std::net::SocketAddr;

use http::{Request, Response};
use mesh_tests::config::entry;
use mesh_tower::{Body, Client, Mesh};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{HOST, mesh};
use crate::blackbox::websocket::{echo, echo_on_streams, talk};

async fn connected(protocol: &str, endpoint: SocketAddr) -> Mesh {
    mesh(&entry(HOST, protocol, 80, &[endpoint])).await
}

/// Asks for a `WebSocket`, as over HTTP/1.1; returns the answer and the expected proof.
async fn ask(client: &Client, path: &str) -> (Response<Body>, String) {
    let key = generate_key();
    let request = Request::get(format!("http://{HOST}{path}"))
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", &key);
    let response = client.request(request.body(Body::empty()).unwrap()).await.unwrap();
    (response, derive_accept_key(key.as_bytes()))
}

#[tokio::test]
async fn va_14_a_program_talks_both_ways_over_a_connection_and_over_a_stream() {
    for (protocol, endpoint) in [
        ("HTTP", echo().await),
        // It takes no extended CONNECT: it gets an HTTP/1.1 connection of its own.
        ("HTTP2", echo().await),
        ("HTTP2", echo_on_streams().await),
    ] {
        let mesh = connected(protocol, endpoint).await;
        let client = mesh.client();
        for _ in 0..2 {
            let (mut response, proof) = ask(&client, "/chat").await;
            assert_eq!(response.status(), 101, "{protocol}");
            assert_eq!(response.headers()["sec-websocket-accept"], proof, "{protocol}");
            let stream = mesh_tower::upgrade::on(&mut response).await.unwrap();
            talk(WebSocketStream::from_raw_socket(stream, Role::Client, None).await).await;
        }
    }
}

#[tokio::test]
async fn va_14_an_endpoint_of_http2_refuses_a_program_in_its_own_words() {
    let mesh = connected("HTTP2", echo_on_streams().await).await;
    let (mut response, _) = ask(&mesh.client(), "/closed").await;
    assert_eq!(response.status(), 403);
    assert!(mesh_tower::upgrade::on(&mut response).await.is_err());
    let answer = mesh_tower::test::Answer::read(response, None).await;
    assert_eq!(answer.text(), "not today");
}

/// As its documentation states: hyper only handles connections.
#[tokio::test]
async fn va_14_what_hyper_offers_takes_a_connection_and_no_stream() {
    for (protocol, endpoint, taken) in
        [("HTTP", echo().await, true), ("HTTP2", echo_on_streams().await, false)]
    {
        let mesh = connected(protocol, endpoint).await;
        let (mut response, _) = ask(&mesh.client(), "/chat").await;
        assert_eq!(response.status(), 101, "{protocol}");
        assert_eq!(hyper::upgrade::on(&mut response).await.is_ok(), taken, "{protocol}");
    }
}
