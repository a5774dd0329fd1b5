//! Layers of one's own between those of an attempt, and transports of one's own at its end.

use std::future::{Ready, pending, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use mesh_core::fault::{Abort, FaultPolicy};
use mesh_core::outcome::Outcome;
use mesh_core::plan::Direction;
use mesh_core::units::Percent;
use mesh_tests::config::{service, virtual_service};
use mesh_tower::balance::BalanceLayer;
use mesh_tower::boxed_request::{BoxRequestLayer, BoxedRequest};
use mesh_tower::circuit::CircuitLayer;
use mesh_tower::context::InheritLayer;
use mesh_tower::exchange::Exchange;
use mesh_tower::fault::FaultLayer;
use mesh_tower::outlier::OutlierLayer;
use mesh_tower::record::Record;
use mesh_tower::test::{MeshTest, TestMesh};
use mesh_tower::timeout::TimeoutLayer;
use mesh_tower::{Body, BoxError, CallOptions, Error};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

type Answer = Result<Response<Body>, BoxError>;

/// A request through the layers from the edge to the pick, and then through `attempt`; the record of it.
async fn send<S, B>(
    test: &TestMesh,
    attempt: S,
    options: CallOptions,
) -> (Record, Result<StatusCode, BoxError>)
where
    S: Service<BoxedRequest, Response = Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    let attempt = attempt.map_response(|response| response.map(Body::new));
    let edge = test.mesh().edge(test.mesh().worker(), Direction::Outbound);
    let stack = ServiceBuilder::new()
        .layer(BoxRequestLayer)
        .layer(edge.snapshot())
        .layer(InheritLayer::default())
        .layer(edge.normalize())
        .layer(edge.route())
        .layer(CircuitLayer::per_route())
        .layer(BalanceLayer::per_route())
        .service(attempt);
    let record = Record::default();
    let mut request = Request::get("http://api/").body(Body::empty()).unwrap();
    request.extensions_mut().insert(record.clone());
    request.extensions_mut().insert(options);
    let answer = stack.oneshot(request).await;
    (record, answer.map(|response| response.status()))
}

async fn world() -> TestMesh {
    let rule = virtual_service("api", "  - route: [{destination: {host: api}}]");
    MeshTest::new(&(service("api", "http", 80, &["10.0.0.1"]) + &rule)).start().await
}

fn outcomes(record: &Record) -> Vec<Option<Outcome>> {
    record.decision().attempts.iter().map(|attempt| attempt.outcome).collect()
}

fn answers(boxed: BoxedRequest) -> Ready<Answer> {
    assert!(boxed.into_parts().1.is_some());
    ready(Ok(Response::new(Body::empty())))
}

#[tokio::test(start_paused = true)]
async fn od_2_the_wait_of_a_layer_of_ones_own_is_not_blamed_on_the_endpoint() {
    let test = world().await;
    let options = || CallOptions::new().timeout(Duration::from_secs(1));
    // Around the attempt, within the pick: what drops the attempt says first that the time is up.
    let layers = || ServiceBuilder::new().layer(TimeoutLayer::per_route()).layer(OutlierLayer::per_route());
    let waits = layers().service(service_fn(async |_: BoxedRequest| pending::<Answer>().await));
    let (record, answer) = send(&test, waits, options()).await;
    assert!(Error::from_box(answer.unwrap_err()).is_timeout());
    assert_eq!(outcomes(&record), [None], "nothing was sent");

    let hangs = layers().service(service_fn(async |boxed: BoxedRequest| {
        let _sent = boxed.into_parts();
        pending::<Answer>().await
    }));
    let (record, _) = send(&test, hangs, options()).await;
    assert_eq!(outcomes(&record), [Some(Outcome::Timeout)], "it was sent by a transport of one's own");
}

#[tokio::test(start_paused = true)]
async fn a_layer_of_ones_own_refuses_an_attempt_and_no_endpoint_is_blamed() {
    let test = world().await;
    let refuses =
        ServiceBuilder::new().layer(OutlierLayer::per_route()).service(service_fn(|_: BoxedRequest| {
            ready(Answer::Err(Error::local(mesh_core::reply::LocalReply::overflow()).into()))
        }));
    let (record, answer) = send(&test, refuses, CallOptions::new()).await;
    assert!(Error::from_box(answer.unwrap_err()).is_overflow());
    assert_eq!(outcomes(&record), [None]);
}

#[tokio::test(start_paused = true)]
async fn a_layer_of_ones_own_knows_the_endpoint_and_changes_the_request_on_both_sides_of_the_attempt() {
    let test = world().await;
    let note = |mut boxed: BoxedRequest| {
        let endpoint = boxed.endpoint().unwrap().address.to_string();
        assert!(boxed.matched().is_some());
        boxed.request_mut().headers_mut().append("x-endpoint", endpoint.parse().unwrap());
        boxed
    };
    let attempt =
        ServiceBuilder::new().map_request(note).layer(OutlierLayer::per_route()).map_request(note).service(
            service_fn(|boxed: BoxedRequest| {
                let seen: Vec<_> = boxed.request().headers().get_all("x-endpoint").iter().collect();
                assert_eq!(seen, ["10.0.0.1:80", "10.0.0.1:80"]);
                answers(boxed)
            }),
        );
    let (_, answer) = send(&test, attempt, CallOptions::new()).await;
    assert_eq!(answer.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn fi_10_faults_of_attempts_are_injected_within_the_attempt_too() {
    let test = world().await;
    let attempt = ServiceBuilder::new()
        .layer(OutlierLayer::per_route())
        .layer(FaultLayer::per_attempt())
        .service(service_fn(answers));
    let abort = Some(Abort::http(StatusCode::IM_A_TEAPOT));
    let policy = FaultPolicy { abort, abort_percent: Percent::HUNDRED, ..FaultPolicy::default() };
    let (_, answer) = send(&test, attempt, CallOptions::new().attempt_fault(policy)).await;
    assert_eq!(answer.unwrap(), 418);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_without_an_attempt_names_the_missing_layer() {
    let test = world().await;
    let (_, answer) = send(&test, Exchange::new(), CallOptions::new()).await;
    let error = Error::from_box(answer.unwrap_err());
    assert_eq!(error.reply().status, 503);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("OutlierLayer::per_route"), "{cause}");
}
