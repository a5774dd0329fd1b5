//! `PEAK_EWMA` avoids slow and failing endpoints.

use super::*;

/// Ten endpoints of one place.
async fn ten(policy: Option<BalancePolicy>) -> (TestMesh, Vec<Upstream>) {
    let addresses: Vec<_> = (1..=10).map(|index| format!("10.0.0.{index}")).collect();
    let places: Vec<_> = addresses.iter().map(|address| (address.as_str(), "eu")).collect();
    let test = MeshTest::new(&yaml(&places, ROUND_ROBIN))
        .with(|builder| match policy {
            Some(policy) => builder.balance("api.test", policy),
            None => builder,
        })
        .start()
        .await;
    let upstreams = addresses.iter().map(|address| test.upstream(&format!("{address}:80"))).collect();
    (test, upstreams)
}

/// Wish 5: the share of the slowest of ten endpoints, which is a hundred times slower, while 20 callers call.
async fn share_of_the_slow(policy: Option<BalancePolicy>) -> f64 {
    let (test, upstreams) = ten(policy).await;
    for (index, upstream) in upstreams.iter().enumerate() {
        let time = Duration::from_millis(if index == 3 { 1_000 } else { 10 });
        upstream.handle(move |_| async move {
            pass(time).await;
            http::Response::new(Body::empty())
        });
    }
    let caller = async || {
        for _ in 0..60 {
            assert_eq!(test.get(URI).await.status(), 200);
        }
    };
    futures_util::future::join_all((0..20).map(|_| caller())).await;
    upstreams[3].arrival_count() as f64 / 1_200.0
}

/// Wish 5: the share of one of ten endpoints that fails at once, in HTTP or in gRPC.
async fn share_of_the_broken(policy: Option<BalancePolicy>, fails: Fails) -> f64 {
    let (test, upstreams) = ten(policy).await;
    for (index, upstream) in upstreams.iter().enumerate() {
        upstream.handle(move |_| async move {
            if index != 3 {
                pass(Duration::from_millis(10)).await;
                return http::Response::new(Body::empty());
            }
            let grpc = http::Response::builder().header("content-type", "application/grpc");
            match fails {
                Fails::Http => http::Response::builder().status(500).body(Body::empty()),
                Fails::GrpcHeaders => grpc.header("grpc-status", "14").body(Body::empty()),
            }
            .unwrap()
        });
    }
    let caller = async || {
        for _ in 0..60 {
            let request = Request::post(URI).header("content-type", "application/grpc");
            let request = if fails == Fails::Http { Request::get(URI) } else { request };
            let _ = test.send(request.body(Body::empty()).unwrap()).await;
        }
    };
    futures_util::future::join_all((0..20).map(|_| caller())).await;
    upstreams[3].arrival_count() as f64 / 1_200.0
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fails {
    Http,
    GrpcHeaders,
}

#[tokio::test(start_paused = true)]
async fn wish_5_peak_ewma_takes_no_failure_for_a_fast_answer() {
    for fails in [Fails::Http, Fails::GrpcHeaders] {
        let peak = share_of_the_broken(Some(BalancePolicy::peak_ewma()), fails).await;
        assert!(peak <= 0.02, "{fails:?}: {peak}");
        let turns = share_of_the_broken(None, fails).await;
        assert!((turns - 0.1).abs() < 0.001, "{fails:?}: {turns}");
    }
}

#[tokio::test(start_paused = true)]
async fn wish_5_peak_ewma_gives_a_slow_endpoint_next_to_nothing() {
    let peak = share_of_the_slow(Some(BalancePolicy::peak_ewma())).await;
    assert!(peak <= 0.01, "{peak}");
    let turns = share_of_the_slow(None).await;
    assert!((turns - 0.1).abs() < 0.001, "{turns}");
}
