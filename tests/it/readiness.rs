//! Whether our own workload is ready, by the probe of its group (HC-3).

use std::time::Duration;

use http::Response;
use mesh_core::identity::Workload;
use mesh_tower::Body;
use mesh_tower::test::{Fault, MeshTest, TestMesh, Upstream, grpc_frame, pass};

fn group(probe: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {{name: cart, namespace: default}}
spec:
  metadata: {{labels: {{app: cart}}}}
  template: {{serviceAccount: cart}}
  probe: {probe}
"
    )
}

async fn world(probe: &str) -> (TestMesh, Upstream) {
    let labels = [("app".to_owned(), "cart".to_owned())].into();
    let workload = Workload { name: "vm-1".into(), labels, ..Workload::default() };
    let test = MeshTest::new(&group(probe)).identity(workload).start().await;
    let application = test.upstream("127.0.0.1:8080");
    (test, application)
}

fn status(application: &Upstream, status: u16) {
    application
        .handle(move |_| async move { Response::builder().status(status).body(Body::empty()).unwrap() });
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test(start_paused = true)]
async fn hc_3_without_a_probe_the_workload_is_ready() {
    let test = MeshTest::new("").start().await;
    assert!(test.mesh().is_ready());
}

#[tokio::test(start_paused = true)]
async fn hc_3_http_by_thresholds_and_period() {
    let probe = "{initialDelaySeconds: 5, periodSeconds: 2, successThreshold: 2, failureThreshold: 3,
      httpGet: {path: /ready, port: 8080, httpHeaders: [{name: x-asked-by, value: mesh}]}}";
    let (test, application) = world(probe).await;
    status(&application, 302);
    assert!(!test.mesh().is_ready(), "not before it has said so");
    pass(Duration::from_millis(4_900)).await;
    assert_eq!(application.arrival_count(), 0, "the first delay");
    pass(secs(1)).await;
    assert_eq!((application.arrival_count(), test.mesh().is_ready()), (1, false));
    pass(secs(2)).await;
    assert_eq!((application.arrival_count(), test.mesh().is_ready()), (2, true));
    let arrival = &application.arrivals()[0];
    assert_eq!((arrival.path(), arrival.header("x-asked-by")), ("/ready", "mesh"));
    assert_eq!(arrival.header("host"), "localhost:8080");
    // 400 is a failure; two of them and a success change nothing.
    status(&application, 400);
    pass(secs(4)).await;
    status(&application, 200);
    pass(secs(2)).await;
    status(&application, 503);
    pass(secs(4)).await;
    assert!(test.mesh().is_ready());
    pass(secs(2)).await;
    assert!(!test.mesh().is_ready(), "three in a row");
}

#[tokio::test(start_paused = true)]
async fn hc_3_an_answer_has_its_time() {
    let (test, application) = world("{failureThreshold: 1, httpGet: {port: 8080}}").await;
    status(&application, 200);
    let mut changes = test.mesh().readiness();
    changes.wait_for(|ready| *ready).await.unwrap();
    let asked = tokio::time::Instant::now();
    application.fault(Fault::Hang);
    changes.wait_for(|ready| !*ready).await.unwrap();
    assert_eq!(asked.elapsed().as_secs(), 11, "the period of 10 s, then the timeout of 1 s");
    changes.wait_for(|ready| *ready).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn hc_3_a_connection_is_answer_enough() {
    let (test, application) = world("{periodSeconds: 1, failureThreshold: 1, tcpSocket: {port: 8080}}").await;
    let mut changes = test.mesh().readiness();
    changes.wait_for(|ready| *ready).await.unwrap();
    application.down();
    changes.wait_for(|ready| !*ready).await.unwrap();
    application.up();
    changes.wait_for(|ready| *ready).await.unwrap();
    assert_eq!(application.arrival_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn hc_3_grpc_asks_the_health_service() {
    let probe = "{periodSeconds: 1, failureThreshold: 1, grpc: {port: 8080, service: cart.Cart}}";
    let (test, application) = world(probe).await;
    application.respond_grpc(0, vec![0x08, 1]);
    let mut changes = test.mesh().readiness();
    changes.wait_for(|ready| *ready).await.unwrap();
    let arrival = &application.arrivals()[0];
    assert_eq!(arrival.path(), "/grpc.health.v1.Health/Check");
    assert_eq!(arrival.body.start, grpc_frame(b"\x0a\x09cart.Cart"));
    application.respond_grpc(0, vec![0x08, 2]);
    changes.wait_for(|ready| !*ready).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn hc_3_a_reload_keeps_what_is_known_unless_the_probe_is_another() {
    let probe = "{httpGet: {port: 8080}}";
    let (test, application) = world(probe).await;
    status(&application, 200);
    test.mesh().readiness().wait_for(|ready| *ready).await.unwrap();
    test.reload(&format!("# moved\n{}", group(probe)));
    pass(secs(1)).await;
    assert!(test.mesh().is_ready());
    status(&application, 500);
    test.reload(&group("{httpGet: {port: 8080, path: /new}}"));
    pass(secs(1)).await;
    assert!(!test.mesh().is_ready(), "it begins anew");
    assert_eq!(application.arrivals().last().unwrap().path(), "/new");
    status(&application, 200);
    pass(secs(10)).await;
    assert!(test.mesh().is_ready());
    status(&application, 500);
    // Another document replaces it: an empty folder would keep the known state.
    test.reload("apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n");
    let asked = application.arrival_count();
    pass(secs(60)).await;
    assert!(test.mesh().is_ready() && application.arrival_count() == asked, "nobody is asked any more");
}
