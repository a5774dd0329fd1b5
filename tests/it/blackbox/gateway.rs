//! HTTP through the gateway: plain, streamed, reloaded under load, counted.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Response;
use mesh_tests::backend::Backend;
use mesh_tests::body::channel;
use mesh_tower::Body;
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::{client, edge, gateway};

#[tokio::test]
async fn a_get_by_reqwest_over_http1_and_http2() {
    let backend = Backend::text("hello").await;
    let proxy = gateway(backend.address(), "HTTP", "").await;
    let url = format!("http://{}/path?query", proxy.address("gateway|80"));
    let answer = client().get(&url).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_11));
    assert!(answer.headers().contains_key("x-envoy-upstream-service-time"));
    assert_eq!(answer.text().await.unwrap(), "hello");
    let prior = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let answer = prior.get(&url).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    assert_eq!(answer.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_get_by_curl() {
    let probe = Command::new("curl").arg("--version").stdout(Stdio::null()).status().await;
    if probe.is_err() {
        assert!(std::env::var_os("MESH_TEST_ALL").is_none(), "MESH_TEST_ALL is set and there is no curl");
        println!("SKIPPED a_get_by_curl: there is no curl on this machine");
        return;
    }
    let backend = Backend::text("hello").await;
    let proxy = gateway(backend.address(), "HTTP", "").await;
    let url = format!("http://{}/", proxy.address("gateway|80"));
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let args = ["-sS", "--noproxy", "*", "--max-time", "30", version, &url];
        let output = Command::new("curl").args(args).output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "hello", "{version} {output:?}");
    }
}

#[tokio::test]
async fn a_response_is_passed_on_piece_by_piece() {
    let gate = Arc::new(Semaphore::new(0));
    let waiting = gate.clone();
    let backend = Backend::start(move |_| {
        let gate = waiting.clone();
        async move {
            let (sender, body) = channel();
            tokio::spawn(async move {
                for number in 0..20 {
                    gate.acquire().await.unwrap().forget();
                    sender.data(format!("piece {number}")).await;
                }
            });
            Response::new(body)
        }
    })
    .await;
    let proxy = gateway(backend.address(), "HTTP", "").await;
    let url = format!("http://{}/", proxy.address("gateway|80"));
    let mut answer = client().get(url).send().await.unwrap();
    for number in 0..20 {
        // The next piece is made only when this piece has arrived.
        gate.add_permits(1);
        assert_eq!(answer.chunk().await.unwrap().unwrap(), format!("piece {number}"));
    }
    assert!(answer.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn wish_8_reloads_under_load_fail_no_request() {
    let (one, two) = (Backend::text("one").await, Backend::text("two").await);
    let proxy = gateway(one.address(), "HTTP", "").await;
    let url = format!("http://{}/", proxy.address("gateway|80"));
    let (done, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let client = client();
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, url, done, sent) = (client.clone(), url.clone(), done.clone(), sent.clone());
        load.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let answer = client.get(&url).send().await.unwrap();
                assert_eq!(answer.status(), 200);
                let text = answer.text().await.unwrap();
                assert!(text == "one" || text == "two", "{text}");
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for generation in 2..=8 {
        let to = if generation % 2 == 0 { &two } else { &one };
        let before = to.served();
        proxy.write(&edge(to.address(), "HTTP", ""));
        proxy
            .until("/stats/prometheus", |_, text| {
                text.lines().any(|line| line == format!("mesh_config_generation {generation}"))
            })
            .await;
        let answer = client.get(&url).send().await.unwrap().text().await.unwrap();
        assert_eq!(answer, if generation % 2 == 0 { "two" } else { "one" });
        assert!(to.served() > before);
    }
    done.store(true, Ordering::Relaxed);
    while let Some(outcome) = load.join_next().await {
        outcome.unwrap();
    }
    assert!(sent.load(Ordering::Relaxed) > 100, "{sent:?}");
}

/// The parts of the plan that are kept from before.
fn stale(dump: &str) -> Vec<serde_json::Value> {
    let dump: serde_json::Value = serde_json::from_str(dump).unwrap();
    dump["status"]["stale_resources"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn y_12_a_broken_file_has_no_effect_on_traffic() {
    let backend = Backend::text("one").await;
    let proxy = gateway(backend.address(), "HTTP", "").await;
    proxy.write(&edge(backend.address(), "HTTP", "").replace("  - route:", "  - rout:"));
    let refused = proxy.logged("IST0106").await;
    assert!(refused.contains("spec.http[0].rout"), "{refused}");
    let url = format!("http://{}/", proxy.address("gateway|80"));
    assert_eq!(client().get(url).send().await.unwrap().text().await.unwrap(), "one");
    let dump = proxy.until("/config_dump", |_, text| !stale(text).is_empty()).await;
    assert!(stale(&dump).iter().any(|one| one.to_string().contains("VirtualService")), "{:?}", stale(&dump));
}

#[tokio::test]
async fn me_requests_are_counted_with_istios_labels() {
    let backend = Backend::start(|request| async move {
        let status = if request.uri().path() == "/broken" { 500 } else { 200 };
        Response::builder().status(status).body(Body::empty()).unwrap()
    })
    .await;
    let proxy = gateway(backend.address(), "HTTP", "").await;
    let url = format!("http://{}", proxy.address("gateway|80"));
    for path in ["/", "/", "/", "/broken"] {
        client().get(format!("{url}{path}")).send().await.unwrap();
    }
    let page = proxy.until("/stats/prometheus", |_, text| text.contains("response_code=\"500\"")).await;
    let line = page
        .lines()
        .find(|line| line.starts_with("istio_requests_total{") && line.contains("response_code=\"200\""))
        .unwrap_or_else(|| panic!("{page}"));
    assert!(line.ends_with(" 3"), "{line}");
    for label in [
        "reporter=\"source\"",
        "request_protocol=\"http\"",
        "destination_service=\"backend.test\"",
        "destination_service_name=\"backend.test\"",
        "response_flags=\"-\"",
        "connection_security_policy=\"unknown\"",
        "source_workload=",
        "source_principal=",
        "destination_workload=",
        "source_canonical_service=",
        "destination_canonical_revision=",
    ] {
        assert!(line.contains(label), "{label} in {line}");
    }
    assert!(page.contains("istio_request_duration_milliseconds_bucket{"), "{page}");
    let (status, dump) = proxy.admin("/config_dump").await;
    assert_eq!(status, 200);
    let dump: serde_json::Value = serde_json::from_str(&dump).unwrap();
    assert!(dump.to_string().contains("backend.test"), "{dump}");
    assert_eq!(proxy.admin("/ready").await.0, 200);
    let (_, clusters) = proxy.admin("/clusters").await;
    assert!(clusters.contains(&backend.address().to_string()), "{clusters}");
    let (_, listeners) = proxy.admin("/listeners").await;
    assert!(listeners.contains(&proxy.address("gateway|80").to_string()), "{listeners}");
}
