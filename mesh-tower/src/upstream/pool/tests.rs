//! What only the pool itself shows: which request is served at which moment.

use std::future::{pending, ready};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh_core::circuit::{CircuitPolicy, Keepalive};
use mesh_core::endpoint::Address;
use mesh_core::plan::{ClusterPlan, UpstreamProtocol};
use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use tokio_test::assert_pending;

use super::{CheckoutError, Connect, Connecting, EndpointPool, Lease, Stream};
use crate::upstream::state::{Cluster, Host, tests};
use crate::upstream::transport::Protocol;

/// Connects to HTTP/2 servers that take so many streams at once and never answer.
#[derive(Clone, Debug)]
struct Servers {
    max_streams: u32,
    /// How the first dials go.
    first: Arc<Mutex<Vec<Dial>>>,
}

#[derive(Clone, Copy, Debug)]
enum Dial {
    /// The peer sends these pieces, one at once and then one each second, and nothing more.
    Says(&'static [&'static [u8]]),
    Panics,
    Hangs,
    Fails,
}

impl Servers {
    fn new(max_streams: u32, first: &[Dial]) -> Self {
        let first = first.iter().rev().copied().collect();
        Self { max_streams, first: Arc::new(Mutex::new(first)) }
    }
}

impl Connect for Servers {
    fn connect(&self, _: &Address, _: Option<&Keepalive>) -> Connecting {
        let first = self.first.lock().unwrap().pop();
        match first {
            Some(Dial::Panics) => return Box::pin(async { panic!("a connector's own fault") }),
            Some(Dial::Hangs) => return Box::pin(pending()),
            Some(Dial::Fails) => return Box::pin(ready(Err(io::ErrorKind::ConnectionRefused.into()))),
            Some(Dial::Says(pieces)) => {
                let (ours, mut theirs) = tokio::io::duplex(1 << 16);
                tokio::spawn(async move {
                    for piece in pieces {
                        theirs.write_all(piece).await.unwrap();
                        sleep(Duration::from_secs(1)).await;
                    }
                    pending::<()>().await;
                });
                return Box::pin(ready(Ok(Stream::new(ours))));
            }
            None => {}
        }
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let mut server = h2::server::Builder::new();
        server.max_concurrent_streams(self.max_streams);
        tokio::spawn(async move {
            let mut server = server.handshake::<_, bytes::Bytes>(theirs).await.unwrap();
            let mut taken = Vec::new();
            while let Some(request) = server.accept().await {
                taken.push(request);
            }
        });
        Box::pin(ready(Ok(Stream::new(ours))))
    }
}

fn pool(connector: Servers, circuit: CircuitPolicy) -> Arc<EndpointPool> {
    let plan = ClusterPlan {
        protocol: UpstreamProtocol::Http2,
        circuit,
        locality: None,
        health: None,
        ..tests::plan()
    };
    let address = std::net::SocketAddr::from(([10, 0, 0, 1], 80));
    let endpoint = Arc::new(mesh_core::endpoint::Endpoint::new(address));
    let cluster = Arc::new(Cluster::new(Arc::new(plan), std::slice::from_ref(&endpoint), false));
    // A request's first use registers them: here, with the recorder of the test.
    let _ = cluster.stats();
    Arc::new(EndpointPool::new(Host::new(endpoint), cluster, Arc::new(connector), None, 1))
}

async fn checkout(pool: &Arc<EndpointPool>) -> Result<Lease, CheckoutError> {
    timeout(Duration::from_secs(60), pool.checkout(Protocol::Http2, true)).await.expect("an answer")
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Runs this when a connection is wanted and none may be made.
#[derive(Clone, Default)]
struct AtOverflow(Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>);

impl CounterFn for AtOverflow {
    fn increment(&self, _: u64) {
        let act = self.0.lock().unwrap().take();
        if let Some(act) = act {
            act();
        }
    }

    fn absolute(&self, _: u64) {}
}

impl Recorder for AtOverflow {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() == "envoy_cluster_upstream_cx_overflow" {
            Counter::from_arc(Arc::new(self.clone()))
        } else {
            Counter::noop()
        }
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// As when another thread ends it: the counter is raised between the look for room and the wait for it.
#[tokio::test(start_paused = true)]
async fn wish_24_a_stream_that_ends_while_one_begins_to_wait_serves_it() {
    let overflow = AtOverflow::default();
    let circuit = CircuitPolicy { max_connections: 1, ..CircuitPolicy::default() };
    let pool = metrics::with_local_recorder(&overflow, || pool(Servers::new(1, &[]), circuit));
    let first = checkout(&pool).await.unwrap();
    *overflow.0.lock().unwrap() = Some(Box::new(move || first.finish()));
    let second = checkout(&pool).await;
    assert!(overflow.0.lock().unwrap().is_none(), "the first has ended");
    second.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_panics_has_failed() {
    let connector = Servers::new(1, &[Dial::Panics, Dial::Fails, Dial::Panics]);
    let pool = pool(connector.clone(), CircuitPolicy::default());
    for _ in 0..2 {
        assert!(matches!(checkout(&pool).await, Err(CheckoutError::Dial(_))));
    }
    // The third was in the background.
    sleep(Duration::from_secs(10)).await;
    assert!(connector.first.lock().unwrap().is_empty());
    assert!(!pool.host().is_unreachable(), "nothing restores it: the next request may try");
    checkout(&pool).await.unwrap();
}

#[test]
fn a_pool_outlives_the_runtime_that_dialled_for_it() {
    let pool = pool(Servers::new(1, &[Dial::Hangs]), CircuitPolicy::default());
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        let pool = pool.clone();
        tokio::spawn(async move { checkout(&pool).await });
        yield_now().await;
        yield_now().await;
    });
    drop(first);
    second.block_on(checkout(&pool)).unwrap();
}

#[test]
fn an_endpoint_is_not_shunned_when_the_runtime_that_would_restore_it_has_ended() {
    let pool = pool(Servers::new(1, &[Dial::Fails]), CircuitPolicy::default());
    let (first, second) = (runtime(), runtime());
    first.block_on(checkout(&pool)).unwrap_err();
    assert!(pool.host().is_unreachable());
    drop(first);
    assert!(!pool.host().is_unreachable());
    second.block_on(checkout(&pool)).unwrap();
}

/// Its connection ends with the runtime, which can start no dial for the request that waits.
#[test]
fn who_waits_for_a_connection_of_a_runtime_that_ends_is_told() {
    let circuit = CircuitPolicy { max_connections: 1, ..CircuitPolicy::default() };
    let pool = pool(Servers::new(1, &[]), circuit);
    let (first, second) = (runtime(), runtime());
    let _lease = first.block_on(checkout(&pool)).unwrap();
    let mut waiting = tokio_test::task::spawn(pool.checkout(Protocol::Http2, true));
    let entered = second.enter();
    assert_pending!(waiting.poll());
    drop(entered);
    drop(first);
    assert!(matches!(second.block_on(waiting), Err(CheckoutError::Dial(_))));
}

/// As when a caller leaves in the moment in which a connection is handed to it.
#[tokio::test(start_paused = true)]
async fn a_connection_lent_in_vain_serves_the_next_request() {
    let connector = Servers::new(1, &[Dial::Says(&[]), Dial::Fails]);
    let pool = pool(connector.clone(), CircuitPolicy::default());
    let mut leaves = tokio_test::task::spawn(pool.checkout(Protocol::Http1, true));
    assert_pending!(leaves.poll());
    while !leaves.is_woken() {
        yield_now().await;
    }
    drop(leaves);
    for _ in 0..3 {
        // Lent at once, and not sent on either.
        let lease = pool.checkout(Protocol::Http1, false).await.unwrap();
        drop(lease);
    }
    assert_eq!(connector.first.lock().unwrap().len(), 1, "one dial");
}

/// Settings that limit nothing.
const NO_LIMIT: &[&[u8]] = &[&[0, 0, 0, 4, 0, 0, 0, 0, 0]];
/// `SETTINGS_MAX_CONCURRENT_STREAMS = 1`, in two pieces.
const ONE_STREAM: &[&[u8]] = &[&[0, 0, 6, 4], &[0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1]];

#[tokio::test(start_paused = true)]
async fn wish_24_an_http2_connection_is_lent_once_all_its_settings_are_there() {
    let circuit = CircuitPolicy { max_connections: 1, ..CircuitPolicy::default() };
    let pool = pool(Servers::new(1, &[Dial::Says(ONE_STREAM)]), circuit);
    let begun = Instant::now();
    let first = checkout(&pool).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 1);
    let mut second = tokio_test::task::spawn(pool.checkout(Protocol::Http2, true));
    assert_pending!(second.poll());
    first.finish();
    second.await.unwrap();
}

/// No stream at first, and one a second later.
const ONE_LATER: &[&[u8]] =
    &[&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0], &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1]];

#[tokio::test(start_paused = true)]
async fn wish_24_a_stream_limit_that_rises_serves_who_waits() {
    let pool = pool(Servers::new(1, &[Dial::Says(ONE_LATER), Dial::Fails]), CircuitPolicy::default());
    let begun = Instant::now();
    checkout(&pool).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sets_no_limit_has_none() {
    let pool = pool(Servers::new(1, &[Dial::Says(NO_LIMIT), Dial::Fails]), CircuitPolicy::default());
    let mut leases = Vec::new();
    for _ in 0..1_000 {
        leases.push(checkout(&pool).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_come_to_its_settings_is_found_out_before_a_request_is_at_stake() {
    let pool = pool(Servers::new(1, &[Dial::Says(&ONE_STREAM[..1])]), CircuitPolicy::default());
    let begun = Instant::now();
    assert!(matches!(checkout(&pool).await, Err(CheckoutError::Dial(_))));
    assert_eq!(begun.elapsed(), CircuitPolicy::default().connect_timeout);
}

/// A connection whose peer has not greeted does not serve.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_accepts_and_stays_silent_cannot_be_reached() {
    let pool = pool(Servers::new(10, &[Dial::Says(&[])]), CircuitPolicy::default());
    assert!(matches!(checkout(&pool).await, Err(CheckoutError::Dial(_))));
    assert!(pool.host().is_unreachable());
    // It comes back by itself: the second dial meets a server.
    timeout(Duration::from_secs(60), async {
        while pool.host().is_unreachable() {
            yield_now().await;
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    })
    .await
    .unwrap();
}
