//! What only shows at the pool itself: who is served at which moment.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh_core::circuit::{CircuitPolicy, Keepalive};
use mesh_core::endpoint::Address;
use mesh_core::plan::{ClusterPlan, UpstreamProtocol};
use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tokio::time::timeout;

use super::{Connect, Connecting, Endpoint, Protocol, Stream};
use crate::cluster::{Cluster, Host, tests};

/// Connects to HTTP/2 servers that take so many streams at once and never answer.
#[derive(Debug)]
struct Servers {
    max_streams: u32,
}

impl Connect for Servers {
    fn connect(&self, _: &Address, _: Option<&Keepalive>) -> Connecting {
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

fn pool(connector: impl Connect, protocol: UpstreamProtocol, circuit: CircuitPolicy) -> Arc<Endpoint> {
    let plan = ClusterPlan { protocol, circuit, locality: None, health: None, ..tests::plan() };
    let address = std::net::SocketAddr::from(([10, 0, 0, 1], 80));
    let endpoint = Arc::new(mesh_core::endpoint::Endpoint::new(address));
    let cluster = Arc::new(Cluster::new(Arc::new(plan), std::slice::from_ref(&endpoint), false));
    Arc::new(Endpoint::new(Host::new(endpoint), cluster, Arc::new(connector), None, 1))
}

/// What is to happen when a connection is wanted and none may be made.
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

/// As when another thread ends it: the counter is told between the look for room and the wait for it.
#[tokio::test(start_paused = true)]
async fn wish_24_a_stream_that_ends_while_one_begins_to_wait_serves_it() {
    let overflow = AtOverflow::default();
    let circuit = CircuitPolicy { max_connections: 1, ..CircuitPolicy::default() };
    let connector = Servers { max_streams: 1 };
    let pool = metrics::with_local_recorder(&overflow, || pool(connector, UpstreamProtocol::Http2, circuit));
    let first = pool.checkout(Protocol::Http2, true).await.unwrap();
    *overflow.0.lock().unwrap() = Some(Box::new(move || first.finish()));
    let second = timeout(Duration::from_secs(60), pool.checkout(Protocol::Http2, true)).await;
    assert!(overflow.0.lock().unwrap().is_none(), "the first has ended");
    second.expect("served").unwrap();
}
