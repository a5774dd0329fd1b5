//! The library and the built proxy decide alike: the same configuration, seed and requests give the same
//! decision records (OU-5, RF-7).
//!
//! ```text
//!                    ┌─▶ mesh-proxy (HTTP/1.1 or 2, loopback) ─────▶ backends ─┐
//! seed ─▶ case: YAML │   --role sidecar, or gateway                          ├─▶ equal?
//!         + requests └─▶ Mesh::client(), or a listener's stack ─▶ backends ──┘
//! ```
//!
//! A record has the access log's line (the whole decision with each try's endpoint, priority and outcome; flags, details,
//! request id), the caller's response, and the requests at each backend. Only parts that differ by nature are left out:
//! times, the proxy's `server`, `date` and framing headers.
//!
//! `MESH_SEED=7 cargo test -p mesh-tests --test it parity` repeats the cases of one seed.

mod act;
mod backends;
mod config;
mod coverage;
mod draw;
mod gateway;
mod payload;
mod record;
mod request;
mod run;
mod sender;
/// The example, of which this runs the stack.
#[path = "../../../examples/stack_by_hand.rs"]
#[expect(unreachable_pub, clippy::print_stdout, reason = "it is a program")]
mod stack_by_hand;
mod wait;

use self::backends::Backends;
use self::draw::Draw;
use self::run::Case;

/// Configurations of each test, the tests, and requests of each configuration: 4 × 50 × 50 cases.
const CONFIGURATIONS: u64 = 50;
const CHUNKS: u64 = 4;
const REQUESTS: usize = 50;

/// The budget of CB-10 grows with time, which is not the same for both: where it is on, requests after the first
/// retry that it refused, to either, are not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Default,
    IstioRuntime,
}

/// The role of the proxy: an application's sidecar, or a gateway. In process the test itself is the caller of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Sidecar,
    Gateway,
}

/// The counts of the compared requests.
#[derive(Default)]
struct Compared {
    requests: usize,
    /// Of these, those that a gateway forwarded.
    at_gateway: usize,
}

/// A configuration's cases.
fn case(seed: u64, backends: &Backends) -> Case<'_> {
    let mut draw = Draw::new(seed);
    let mode = if seed.is_multiple_of(2) { Mode::Default } else { Mode::IstioRuntime };
    let mut yaml = config::generate(&mut draw, backends);
    let http2 = draw.percent(50);
    let role = if draw.percent(35) { Role::Gateway } else { Role::Sidecar };
    if role == Role::Gateway {
        yaml = config::configured(&yaml, &mut draw);
    }
    let requests: Vec<_> = (0..REQUESTS).map(|_| request::generate(role, &mut draw)).collect();
    Case { seed, mode, role, http2, yaml, requests, backends }
}

/// A configuration's cases, through proxy and library.
async fn compare(seed: u64, backends: &Backends) -> Compared {
    let case = case(seed, backends);
    let (proxy, library) = tokio::join!(case.through_proxy(), case.through_library());
    case.compare(proxy, library).await
}

async fn chunk(number: u64) {
    assert!(number < CHUNKS);
    let backends = Backends::start().await;
    if let Some(seed) = std::env::var("MESH_SEED").ok().and_then(|seed| seed.parse().ok()) {
        compare(seed, &backends).await;
        return;
    }
    let mut sum = Compared::default();
    for seed in number * CONFIGURATIONS..(number + 1) * CONFIGURATIONS {
        let of = compare(seed, &backends).await;
        sum.requests += of.requests;
        sum.at_gateway += of.at_gateway;
    }
    // Nearly all requests, whatever the budget refuses; and a gateway's rules lead to a backend.
    assert!(sum.requests >= CONFIGURATIONS as usize * REQUESTS * 9 / 10, "{} compared", sum.requests);
    assert!(sum.at_gateway >= 200, "{} of a gateway", sum.at_gateway);
}

#[tokio::test]
async fn ou_5_library_and_proxy_decide_alike_1() {
    chunk(0).await;
}

#[tokio::test]
async fn ou_5_library_and_proxy_decide_alike_2() {
    chunk(1).await;
}

#[tokio::test]
async fn ou_5_library_and_proxy_decide_alike_3() {
    chunk(2).await;
}

#[tokio::test]
async fn ou_5_library_and_proxy_decide_alike_4() {
    chunk(3).await;
}

/// The layers are what the mesh runs: a client that is composed of them decides like the mesh's own.
#[tokio::test]
async fn ou_5_a_stack_composed_of_the_layers_decides_like_the_client() {
    let backends = Backends::start().await;
    let mut compared = 0;
    for seed in 0..CONFIGURATIONS {
        let case = case(seed, &backends);
        if case.role == Role::Sidecar {
            // One after the other: both count in this thread.
            let library = case.through_library().await;
            let layers = case.through_layers().await;
            compared += case.compare(library, layers).await.requests;
        }
    }
    assert!(compared >= CONFIGURATIONS as usize * REQUESTS / 2, "{compared} compared");
}
