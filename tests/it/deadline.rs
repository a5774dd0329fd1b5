//! Deadlines pass down the chain, and so does the end of a call (wish 17, RT-4, HD-3).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use mesh_tests::config::service;
use mesh_tower::test::{MeshTest, TestMesh, Upstream, pass};
use mesh_tower::{Body, BoxError, CallOptions};
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt};

/// A calls B, whose handler works for some time and then calls C.
struct Chain {
    a: TestMesh,
    /// Keeps B's mesh, whose client its handler has.
    _of_b: TestMesh,
    b: Upstream,
    c: Upstream,
    /// The outcome of B's call of C.
    ended: Arc<Mutex<Vec<Result<u16, String>>>>,
}

async fn chain(work: Duration) -> Chain {
    let a = MeshTest::new(&service("b", "http2", 80, &["10.0.0.2"])).start().await;
    let of_b = MeshTest::new(&service("c", "http2", 80, &["10.0.0.3"])).start().await;
    let (b, c) = (a.upstream("10.0.0.2:80"), of_b.upstream("10.0.0.3:80"));
    let ended: Arc<Mutex<Vec<Result<u16, String>>>> = Arc::default();
    let (client, outcomes) = (of_b.client().clone(), ended.clone());
    let handler = tower::service_fn(move |_: Request<Body>| -> BoxFuture<'static, Result<_, BoxError>> {
        let (client, outcomes) = (client.clone(), outcomes.clone());
        Box::pin(async move {
            pass(work).await;
            // The handler passes nothing on: the task knows the request that it serves.
            let outcome = match client.get("http://c/").await {
                Ok(answer) => Ok(answer.status().as_u16()),
                Err(error) => Err(error.to_string()),
            };
            outcomes.lock().unwrap().push(outcome);
            Ok(Response::new(Body::empty()))
        })
    });
    let server = BoxCloneSyncService::new(of_b.mesh().layer().layer(handler));
    b.handle(move |request| {
        let server = server.clone();
        async move { server.oneshot(request).await.unwrap() }
    });
    Chain { a, _of_b: of_b, b, c, ended }
}

async fn call(chain: &Chain, timeout: u64) -> u16 {
    let mut request = Request::get("http://b/").body(Body::empty()).unwrap();
    request.extensions_mut().insert(CallOptions::new().timeout(Duration::from_millis(timeout)));
    chain.a.send(request).await.status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn wish_17_what_is_left_is_told_on() {
    let chain = chain(Duration::from_millis(200)).await;
    assert_eq!(call(&chain, 300).await, 200);
    assert_eq!(chain.b.arrivals()[0].header("x-envoy-expected-rq-timeout-ms"), "300");
    let announced: u64 = chain.c.arrivals()[0].header("x-envoy-expected-rq-timeout-ms").parse().unwrap();
    assert!((90..=100).contains(&announced), "{announced}");
}

#[tokio::test(start_paused = true)]
async fn wish_17_with_nothing_left_nobody_is_called() {
    let chain = chain(Duration::from_millis(350)).await;
    // A caller that announces its deadline, and waits longer.
    let request = Request::get("http://b/")
        .header("x-envoy-expected-rq-timeout-ms", "300")
        .body(Body::empty())
        .unwrap();
    assert_eq!(chain.a.send(request).await.status(), 200);
    let ended = chain.ended.lock().unwrap().clone();
    assert_eq!(ended, [Err("504 UT response_timeout".to_owned())]);
    assert_eq!(chain.c.arrival_count(), 0);
}

/// Notes when it is dropped.
struct Watch(Arc<Mutex<Option<Instant>>>);

impl Drop for Watch {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = Some(Instant::now());
    }
}

async fn dropped(chain: &Chain) -> Arc<Mutex<Option<Instant>>> {
    let dropped = Arc::new(Mutex::new(None));
    let noted = dropped.clone();
    chain.c.handle(move |_| {
        let watch = Watch(noted.clone());
        async move {
            pass(Duration::from_secs(3_600)).await;
            drop(watch);
            Response::new(Body::empty())
        }
    });
    dropped
}

#[tokio::test(start_paused = true)]
async fn wish_17_a_caller_that_leaves_cancels_the_whole_chain() {
    let chain = chain(Duration::from_millis(10)).await;
    let dropped = dropped(&chain).await;
    let left = tokio::time::timeout(Duration::from_millis(500), chain.a.get("http://b/"));
    assert!(left.await.is_err());
    let at = Instant::now();
    pass(Duration::from_millis(50)).await;
    assert_eq!(chain.c.arrival_count(), 1);
    let dropped = dropped.lock().unwrap().expect("C's handler is dropped in 50 ms");
    assert!(dropped.saturating_duration_since(at) <= Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn wish_17_a_deadline_that_passes_cancels_the_whole_chain() {
    let chain = chain(Duration::from_millis(10)).await;
    let dropped = dropped(&chain).await;
    let begin = Instant::now();
    assert_eq!(call(&chain, 300).await, 504);
    pass(Duration::from_millis(50)).await;
    let dropped = dropped.lock().unwrap().expect("C's handler is dropped");
    let after = dropped.saturating_duration_since(begin);
    assert!(after >= Duration::from_millis(290) && after <= Duration::from_millis(350), "{after:?}");
}
