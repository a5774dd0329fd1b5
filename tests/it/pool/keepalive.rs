//! `http2KeepAlive`: a peer that does not answer pings is gone (CB-3).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use mesh_core::circuit::Keepalive;
use mesh_core::endpoint::Address;
use mesh_tests::config::{destination_rule, service};
use mesh_tower::Body;
use mesh_tower::test::{MeshTest, TestMesh};
use mesh_tower::upstream::pool::{Connect, Connecting, Stream};
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The dialled peers: HTTP/2 peers that answer when they may, and answer pings until they fall silent.
#[derive(Clone, Debug)]
struct Peers {
    connections: Arc<AtomicUsize>,
    /// Whether requests are answered.
    answers: watch::Sender<bool>,
    /// The number of connections, from the first, that read no more bytes.
    silent: watch::Sender<usize>,
}

impl Connect for Peers {
    fn connect(&self, _: &Address, _: Option<&Keepalive>) -> Connecting {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::spawn(self.clone().serve(number, theirs));
        Box::pin(std::future::ready(Ok(Stream::new(ours))))
    }
}

impl Peers {
    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Open for ever: neither its end nor a reset shows that the peer is gone.
    async fn serve(self, number: usize, stream: DuplexStream) {
        let mut server = h2::server::handshake(stream).await.unwrap();
        let mut silent = self.silent.subscribe();
        let mut is_silent = pin!(async { drop(silent.wait_for(|silent| number <= *silent).await.unwrap()) });
        loop {
            let request = tokio::select! {
                biased;
                () = &mut is_silent => return std::future::pending().await,
                request = server.accept() => request,
            };
            let Some(Ok((_, mut respond))) = request else { return };
            let mut answers = self.answers.subscribe();
            tokio::spawn(async move {
                answers.wait_for(|answers| *answers).await.unwrap();
                let response = Response::builder().header("x-connection", number).body(()).unwrap();
                let mut body = respond.send_response(response, false).unwrap();
                body.send_data(Bytes::from_static(b"fine"), true).unwrap();
            });
        }
    }
}

/// A service of HTTP/2 whose connection was just used, with these fields in its `http` pool.
async fn world(http: &str) -> (TestMesh, Peers) {
    let peers =
        Peers { connections: Arc::default(), answers: watch::channel(true).0, silent: watch::channel(0).0 };
    let policy = format!("  trafficPolicy: {{connectionPool: {{http: {{{http}}}}}}}");
    let yaml = service("api", "http2", 80, &["10.0.0.1"]) + &destination_rule("api", &policy);
    let connector = Arc::new(peers.clone());
    let test = MeshTest::new(&yaml).with(|builder| builder.connector(connector)).start().await;
    assert_eq!(test.get("http://api/").await.header("x-connection"), "1");
    (test, peers)
}

const KEPT: &str = "http2KeepAlive: {interval: 10s, timeout: 3s}";
/// Many intervals.
const LONG: Duration = Duration::from_secs(360);

#[tokio::test(start_paused = true)]
async fn cb_3_a_peer_that_answers_no_ping_loses_its_connection_and_the_calls_on_it() {
    let (test, peers) = world(KEPT).await;
    peers.silent.send_replace(1);
    let begin = Instant::now();
    let post = Request::post("http://api/").body(Body::from("x")).unwrap();
    let calls = async { tokio::join!(test.send(post), test.get("http://api/")) };
    let (post, get) = timeout(LONG, calls).await.expect("the silence is noticed");
    // Its last answer came at the beginning.
    assert_eq!(begin.elapsed().as_secs(), 13);
    assert_eq!((post.status().as_u16(), post.flags().as_str()), (503, "UC"), "it may have been done");
    assert_eq!((get.status().as_u16(), get.header("x-connection")), (200, "2"), "it may be done again");
    assert_eq!(test.get("http://api/").await.header("x-connection"), "2");
    assert_eq!(peers.connections(), 2);
}

/// No request waits for it.
#[tokio::test(start_paused = true)]
async fn cb_3_an_idle_connection_is_asked_after_too() {
    for (silent, connection) in [(1, "2"), (0, "1")] {
        let (test, peers) = world(KEPT).await;
        peers.silent.send_replace(silent);
        mesh_tower::test::pass(Duration::from_secs(14)).await;
        // It must not be sent twice: its connection was replaced before it came.
        let post = Request::post("http://api/").body(Body::from("x")).unwrap();
        let answer = timeout(Duration::from_secs(1), test.send(post)).await.expect("nobody is silent");
        assert_eq!((answer.status().as_u16(), answer.header("x-connection")), (200, connection));
    }
}

#[tokio::test(start_paused = true)]
async fn cb_3_a_peer_that_answers_pings_may_take_its_time_to_answer_a_call() {
    let (test, peers) = world(KEPT).await;
    peers.answers.send_replace(false);
    let later = async {
        mesh_tower::test::pass(LONG).await;
        peers.answers.send_replace(true);
    };
    let (answer, ()) = tokio::join!(test.get("http://api/"), later);
    assert_eq!((answer.status().as_u16(), answer.header("x-connection")), (200, "1"));
    assert_eq!(peers.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn cb_3_without_it_a_silent_peer_is_waited_for() {
    let (test, peers) = world("maxRequestsPerConnection: 1000").await;
    peers.silent.send_replace(1);
    assert!(timeout(LONG, test.get("http://api/")).await.is_err());
    assert_eq!(peers.connections(), 1);
}
