//! The labels of a request's counters, and the cap on label sets.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use mesh_core::decision::Decision;
use mesh_core::endpoint::{ClusterId, Endpoint};
use mesh_core::identity::{Labels, PeerIdentity};
use mesh_core::plan::{ClusterPlan, Direction};
use mesh_core::reply::Flag;
use mesh_core::route::{Action, DirectResponse, Forward, Matcher, Route};
use tokio_test::{assert_pending, assert_ready, task};
use tower_service::Service;

use super::super::{Metrics, names};
use super::bench::*;
use crate::request::Downstream;

#[tokio::test(start_paused = true)]
async fn me_2_labels_tell_of_both_ends_and_flags_of_the_way() {
    let mut bench = Bench::new();
    let (mut future, inner, send) = bench.send(request(&[]));
    let mut endpoint = Endpoint::new("10.0.0.1:9080".parse().unwrap());
    endpoint.labels =
        Arc::new(Labels::from([("app".into(), "reviews".into()), ("version".into(), "v1".into())]));
    endpoint.workload = Some(("reviews-v1".into(), "default".into()));
    decide(&inner, |decision| {
        decision.cluster = Some(Arc::new(cluster()));
        decision.flags.set(Flag::DelayInjected);
        decision.begin_attempt(Some(Arc::new(endpoint)));
    });
    send.send_response(Response::new(Script::empty()));
    drop(assert_ready!(future.poll()).unwrap());
    let (labels, line) = bench.report();
    assert_eq!(labels.len(), 25);
    for (name, value) in [
        ("reporter", "source"),
        ("source_workload", "web"),
        ("destination_workload", "reviews-v1"),
        ("destination_version", "v1"),
        ("destination_service", "reviews.default.svc.cluster.local"),
        ("destination_service_name", "reviews"),
        ("destination_service_namespace", "default"),
        ("response_flags", "DI"),
        ("connection_security_policy", "unknown"),
    ] {
        assert_eq!(labels[name], value, "{name}");
    }
    assert!(line.contains(" outbound|9080|v1|reviews.default.svc.cluster.local 10.0.0.1:9080 "), "{line}");
}

#[tokio::test(start_paused = true)]
async fn vm_9_a_rule_with_a_prefix_has_counters_of_its_own() {
    let mut bench = Bench::new();
    let mut route = Route::new("r".into(), Matcher::any(), Action::Forward(Forward::to(ClusterId::UNKNOWN)));
    route.stat_prefix = Some("shop.cart-1".into());
    let direct = DirectResponse { status: StatusCode::OK, body: Bytes::new() };
    let answer = Arc::new(Route { action: Action::DirectResponse(direct), ..route.clone() });
    let forward = Arc::new(route);
    let mut serve = |status: u16, route: &Arc<Route>, note: fn(&mut Decision)| {
        let (mut future, inner, send) = bench.send(request(&[]));
        decide(&inner, |decision| {
            decision.route = Some(route.clone());
            note(decision);
        });
        let mut response = Response::new(Script::empty());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        send.send_response(response);
        drop(assert_ready!(future.poll()).unwrap());
    };
    serve(200, &forward, |_| {});
    serve(204, &forward, |decision| decision.attempt_count = 3);
    serve(504, &forward, |decision| decision.flags.set(Flag::UpstreamRequestTimeout));
    serve(418, &forward, |decision| decision.flags.set(Flag::FaultInjected));
    serve(200, &forward, |decision| decision.details = "cors_response".into());
    serve(200, &answer, |_| {});
    let count = |name: &str| {
        let found = bench.recording.counters(&format!("route_shop_cart_1_upstream_rq_{name}"));
        assert_eq!(found.len(), 1, "{name}");
        found[0].1
    };
    let counts = ["total", "completed", "2xx", "4xx", "5xx", "timeout", "retry"].map(count);
    assert_eq!(counts, [3, 3, 2, 0, 1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn me_4_hosts_that_nobody_declared_share_one_series() {
    let mut bench = Bench::new();
    for host in 0..20 {
        let mut call = request(&[]);
        *call.uri_mut() = format!("http://h{host}.example.com/").parse().unwrap();
        let (mut future, inner, send) = bench.send(call);
        decide(&inner, |decision| {
            let host = format!("h{host}.example.com");
            decision.cluster = Some(Arc::new(ClusterPlan::passthrough(&host, 80)));
            decision.begin_attempt(Some(Arc::new(Endpoint::new("10.0.0.1:80".parse().unwrap()))));
        });
        send.send_response(Response::new(Script::empty()));
        drop(assert_ready!(future.poll()).unwrap());
    }
    let series = bench.recording.counters(names::REQUESTS);
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].1, 20);
    assert_eq!(series[0].0["destination_service"], "unknown");
    assert_eq!(series[0].0["destination_service_name"], "PassthroughCluster");
}

#[tokio::test(start_paused = true)]
async fn me_8_past_the_cap_series_are_called_overflow() {
    let mut bench = Bench::with(Direction::Outbound, Metrics::with_cap(2));
    for code in [200, 201, 202, 203, 203, 200] {
        let (mut future, _, send) = bench.send(request(&[]));
        send.send_response(Response::builder().status(code).body(Script::empty()).unwrap());
        drop(assert_ready!(future.poll()).unwrap());
    }
    let counts: BTreeMap<_, _> = bench
        .recording
        .counters(names::REQUESTS)
        .into_iter()
        .map(|(labels, count)| (labels["response_code"].clone(), count))
        .collect();
    let expected = [("200", 2), ("201", 1), ("overflow", 3)];
    assert_eq!(counts, expected.map(|(code, count)| (code.to_owned(), count)).into());
    assert_eq!(bench.recording.counters(names::SERIES_OVERFLOW)[0].1, 3);
}

#[tokio::test(start_paused = true)]
async fn me_3_an_inbound_request_is_reported_by_the_server_with_its_proved_caller() {
    let mut bench = Bench::with(Direction::Inbound, Metrics::default());
    let id = "spiffe://cluster.local/ns/shop/sa/web";
    let mut call = request(&[]);
    call.extensions_mut().insert(PeerIdentity { spiffe_id: id.into() });
    call.extensions_mut().insert(Downstream::new("10.0.0.9:4100".parse().unwrap()));
    let (mut future, _, send) = bench.send(call);
    send.send_response(Response::new(Script::empty()));
    drop(assert_ready!(future.poll()).unwrap());
    let (labels, line) = bench.report();
    for (name, value) in [
        ("reporter", "destination"),
        ("source_principal", id),
        ("source_workload_namespace", "shop"),
        ("destination_workload", "web"),
        ("destination_service", "unknown"),
        ("destination_service_name", "InboundPassthroughCluster"),
        ("connection_security_policy", "mutual_tls"),
    ] {
        assert_eq!(labels[name], value, "{name}");
    }
    assert!(line.ends_with(" 10.0.0.9:4100"), "{line}");
}

#[test]
fn readiness_is_the_inner_services_and_clones_share_their_handles() {
    let mut bench = Bench::new();
    bench.handle.allow(0);
    let mut clone = bench.service.clone();
    assert!(Arc::ptr_eq(&clone.handles, &bench.service.handles));
    let mut ready = task::spawn(());
    ready.enter(|cx, _| assert_pending!(clone.poll_ready(cx)));
    bench.handle.send_error("gone");
    ready.enter(|cx, _| assert_ready!(clone.poll_ready(cx)).unwrap_err());
}
