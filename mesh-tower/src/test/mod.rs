//! The public test kit: your configuration against scripted upstreams, in memory and virtual time.
//!
//! A service should survive a dead instance, a slow instance, and an instance that closes its connection after it has
//! read a POST. That depends on timing, and tests of timing over sockets are slow or flaky, mostly both. Here the
//! production stack (route, fault, split, timeout, retry, limits, pool) runs unchanged, but the pool's connector opens
//! pipes in memory. At their other end, real HTTP/1.1 and HTTP/2 servers follow the test's script, so framing, trailers,
//! GOAWAY and resets are real too. With tokio's paused clock half a minute of back-off takes a millisecond.
//!
//! ```text
//!  client ─▶ the stack ─▶ pool ─▶ Network ──pipe──▶ Upstream 10.0.0.1:5000   script, arrivals
//!                                       └──pipe──▶ Upstream 10.0.0.2:5000   script, arrivals
//! ```
//!
//! * Addresses are those of the configuration (`EndpointSlice`, `ServiceEntry` with `STATIC`); the network refuses
//!   connections to an address without an [`Upstream`].
//! * [`Dns`] answers for the names of its script; other names do not exist.
//! * The same seed gives the same [`Event`]s (OU-1), if the test runs on one thread (`#[tokio::test]`
//!   does) and starts its requests in a fixed order.
//! * A scripted fault that never happens fails the test.
//!
//! # Example
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
//! use mesh_tower::test::MeshTest;
//!
//! let test = MeshTest::new(r#"
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: {name: reviews, namespace: default}
//! spec:
//!   hosts: [reviews.example.com]
//!   ports: [{number: 80, name: http, protocol: HTTP}]
//!   resolution: STATIC
//!   endpoints: [{address: 10.0.0.1}]
//! "#)
//! .seed(7)
//! .start()
//! .await;
//! let reviews = test.upstream("10.0.0.1:80");
//! reviews.respond(200, "fine").refuse();
//!
//! let answer = test.get("http://reviews.example.com/").await;
//! assert_eq!(answer.status(), 200);
//! assert_eq!(reviews.arrivals()[0].attempt(), 2);
//! # });
//! ```

mod dns;
mod goaway;
mod log;
mod mesh;
mod network;
mod pipe;
mod script;
mod scripted;
mod serve;
mod time;
mod upstream;

pub use dns::Dns;
pub use log::{Arrival, Event, EventKind, Received};
pub use mesh::{Answer, MeshTest, TestMesh};
pub use network::Network;
pub use pipe::{Close, Pipe};
pub use script::Fault;
pub use time::pass;
pub use upstream::{Upstream, grpc_frame};
