//! A connection that has become a tunnel keeps its place until the body of its 101 is dropped (VA-14, CB-1).

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use mesh_core::circuit::Keepalive;
use mesh_core::endpoint::Address;
use mesh_tests::config::{destination_rule, service};
use mesh_tower::Body;
use mesh_tower::test::MeshTest;
use mesh_tower::upstream::pool::{Connect, Connecting, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// Each of its peers opens a tunnel, whatever it is asked.
#[derive(Debug)]
struct Tunnels;

impl Connect for Tunnels {
    fn connect(&self, _: &Address, _: Option<&Keepalive>) -> Connecting {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(theirs.read_u8().await.unwrap());
            }
            let switching =
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            theirs.write_all(switching).await.unwrap();
            std::future::pending::<()>().await;
        });
        Box::pin(std::future::ready(Ok(Stream::new(ours))))
    }
}

fn chat() -> Request<Body> {
    let request = Request::get("http://api/").header("connection", "upgrade").header("upgrade", "websocket");
    request.body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn va_14_cb_1_a_tunnel_whose_body_was_read_keeps_its_place_and_gives_it_back() {
    let policy = "  trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}";
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &destination_rule("api", policy);
    let test = MeshTest::new(&yaml).with(|builder| builder.connector(Arc::new(Tunnels))).start().await;
    let open = || timeout(Duration::from_secs(5), test.client().request(chat()));
    let mut first = open().await.expect("there is a place").unwrap();
    assert_eq!(first.status(), 101);
    assert!(first.body_mut().frame().await.is_none());
    assert!(open().await.is_err(), "the tunnel is open: the next waits for its place");
    drop(first);
    assert_eq!(open().await.expect("the place was given back").unwrap().status(), 101);
}
