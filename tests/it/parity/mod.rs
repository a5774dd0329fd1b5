//! The library and the built proxy decide alike: the same configuration, seed and requests give the same
//! decision records (OU-5, RF-7).
//!
//! ```text
//!                    ┌─▶ mesh-proxy (HTTP/1.1 or 2, loopback) ─▶ backends ─┐
//! seed ─▶ case: YAML │                                                    ├─▶ equal?
//!         + requests └─▶ Mesh::client() (in process) ────────▶ backends ──┘
//! ```
//!
//! A record is what the access log says (the whole decision with each try's endpoint, priority and outcome; flags,
//! details, request id), what the caller got, and what each backend was sent. Only what differs by nature is left out: times, the proxy's
//! `server`, `date` and framing headers.
//!
//! `MESH_SEED=7 cargo test -p mesh-tests --test it parity` repeats the cases of one seed.

mod backends;
mod config;
mod coverage;
mod draw;
mod request;
mod run;

use self::backends::Backends;
use self::draw::Draw;
use self::run::Case;

/// Configurations of each test, and requests of each configuration: 4 × 50 × 50 cases.
const CONFIGURATIONS: u64 = 50;
const REQUESTS: usize = 50;

/// The budget of CB-10 grows with time, which is not the same for both: where it is on, few requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Default,
    IstioRuntime,
}

/// A configuration's cases, through both.
async fn compare(seed: u64, backends: &Backends) {
    let mut draw = Draw::new(seed);
    let mode = if seed.is_multiple_of(2) { Mode::Default } else { Mode::IstioRuntime };
    let mut yaml = config::generate(&mut draw, backends);
    let mut requests: Vec<_> = (0..REQUESTS).map(|_| request::generate(&mut draw)).collect();
    if mode == Mode::Default {
        request::calm(&mut requests);
        yaml = yaml.replace("{host: dead.test, ", "{host: b.test, ");
    }
    let http2 = draw.percent(50);
    let case = Case { seed, mode, http2, yaml, requests, backends };
    let (mut proxy, mut library) = (case.through_proxy().await, case.through_library().await);
    case.until_copied(&mut proxy, &mut library).await;
    let Case { yaml, requests, .. } = case;
    for (index, (proxy, library)) in proxy.records.iter().zip(&library.records).enumerate() {
        let sent = &requests[index];
        assert!(
            proxy == library,
            "{yaml}\nMESH_SEED={seed}, request {index}: {sent:?}\nproxy:   {proxy:?}\nlibrary: {library:?}"
        );
    }
    assert_eq!((proxy.records.len(), library.records.len()), (REQUESTS, REQUESTS));
    assert_eq!(proxy.copies, library.copies, "{yaml}\nMESH_SEED={seed}: what was mirrored");
}

async fn chunk(number: u64) {
    let backends = Backends::start().await;
    if let Some(seed) = std::env::var("MESH_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return compare(seed, &backends).await;
    }
    for seed in number * CONFIGURATIONS..(number + 1) * CONFIGURATIONS {
        compare(seed, &backends).await;
    }
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
