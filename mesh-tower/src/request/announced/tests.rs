//! Layers alone: an answer at the end of the announced time is the timeout, whichever side fires first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use mesh_core::outlier::{Detector, OutlierPolicy};
use mesh_core::retry::{RetryOn, RetryPolicy};
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_service::Service;

use crate::body::Body;
use crate::error::{BoxError, Error};
use crate::grpc;
use crate::outlier::Outlier;
use crate::request::Record;
use crate::retry::RetryLayer;
use crate::timeout::TimeoutLayer;

/// The part of a response that carries the endpoint's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Trailers,
}

use Place::{Head, Trailers};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An endpoint that gives up each call after this time.
#[derive(Clone)]
struct Endpoint {
    after: Duration,
    status: u8,
    place: Place,
    calls: Arc<AtomicUsize>,
}

impl Endpoint {
    fn new(after: u64, status: u8, place: Place) -> Self {
        Self { after: ms(after), status, place, calls: Arc::default() }
    }

    fn service(
        &self,
    ) -> impl Service<
        Request<Body>,
        Response = Response<Body>,
        Error = BoxError,
        Future = impl Future<Output = Result<Response<Body>, BoxError>> + Send + use<>,
    > + Clone
    + use<> {
        let this = self.clone();
        service_fn(move |_: Request<Body>| this.clone().answer())
    }

    async fn answer(self) -> Result<Response<Body>, BoxError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(Body::empty());
        let status = HeaderValue::from(u16::from(self.status));
        if self.place == Head {
            sleep(self.after).await;
            response.headers_mut().insert("grpc-status", status);
        } else {
            let trailers = async move {
                sleep(self.after).await;
                Some(Ok(HeaderMap::from_iter([("grpc-status".parse().unwrap(), status)])))
            };
            *response.body_mut() = Body::new(Full::new("one".into()).with_trailers(trailers));
        }
        Ok(response)
    }
}

fn request() -> Request<Body> {
    Request::post("/s/m").header("content-type", "application/grpc").body(Body::from("hello")).unwrap()
}

/// The status of a call, or the error in place of it; then the flags of its record.
async fn call<S, B>(service: S, mut request: Request<Body>) -> (String, String)
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    B: http_body::Body<Data = bytes::Bytes, Error = BoxError>,
{
    let record = Record::default();
    request.extensions_mut().insert(record.clone());
    let outcome = async {
        let (head, body) = service.oneshot(request).await?.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().unwrap_or(&head.headers);
        Ok::<_, BoxError>(format!("grpc {:?}", grpc::status(trailers)))
    };
    let ended = match outcome.await {
        Ok(status) => status,
        Err(error) => {
            let error = Error::from_box(error);
            assert!(error.is_timeout(), "{error}");
            error.to_string()
        }
    };
    (ended, record.note(|decision| decision.flags.to_string()))
}

fn policy(per_try: u64) -> RetryPolicy {
    let (on, status_codes) = RetryOn::parse("gateway-error,cancelled,deadline-exceeded").unwrap();
    let per_try_timeout = Some(ms(per_try)).filter(|limit| !limit.is_zero());
    RetryPolicy {
        on,
        status_codes,
        attempts: 2,
        per_try_timeout,
        written: true,
        ..RetryPolicy::default_policy()
    }
}

#[tokio::test(start_paused = true)]
async fn rt_2_an_answer_at_the_end_of_a_timeout_layer_alone_is_the_timeout() {
    for status in [1, 4] {
        for place in [Head, Trailers] {
            for after in [951, 999, 1_000, 1_001, 5_000] {
                let endpoint = Endpoint::new(after, status, place);
                let service = ServiceBuilder::new().layer(TimeoutLayer::new(ms(1_000)));
                let ended = call(service.service(endpoint.service()), request()).await;
                let timeout = ("504 UT response_timeout".to_owned(), "UT".to_owned());
                assert_eq!(ended, timeout, "{status} in {place:?} after {after} ms");
            }
            for after in [1, 900, 949] {
                let endpoint = Endpoint::new(after, status, place);
                let service = ServiceBuilder::new().layer(TimeoutLayer::new(ms(1_000)));
                let ended = call(service.service(endpoint.service()), request()).await;
                assert_eq!(ended, (format!("grpc Some({status})"), "-".to_owned()), "after {after} ms");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_4_the_callers_own_deadline_is_one_too() {
    for layer in [TimeoutLayer::new(ms(60_000)), TimeoutLayer::per_route()] {
        let mut request = request();
        request.headers_mut().insert("grpc-timeout", HeaderValue::from_static("500m"));
        let service = ServiceBuilder::new().layer(layer).service(Endpoint::new(492, 1, Head).service());
        assert_eq!(call(service, request).await.0, "504 UT response_timeout");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_2_an_answer_to_what_is_not_grpc_is_what_it_says() {
    let mut request = request();
    request.headers_mut().remove("content-type");
    let layer = TimeoutLayer::new(ms(1_000));
    let service = ServiceBuilder::new().layer(layer).service(Endpoint::new(999, 4, Head).service());
    assert_eq!(call(service, request).await, ("grpc Some(4)".to_owned(), "-".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn rt_3_an_answer_at_the_end_of_a_try_of_a_retry_layer_alone_is_the_end_of_the_try() {
    // The policy repeats timeouts, not the endpoint's own statuses.
    let policy = RetryPolicy { on: RetryOn::parse("gateway-error").unwrap().0, ..policy(300) };
    for status in [1, 4] {
        for after in [286, 299, 300, 301, 2_000] {
            let endpoint = Endpoint::new(after, status, Head);
            let service = ServiceBuilder::new().layer(RetryLayer::new(policy.clone()));
            let (ended, flags) = call(service.service(endpoint.service()), request()).await;
            assert_eq!(ended, "504 URX,UT upstream_per_try_timeout", "{status} after {after} ms");
            assert_eq!(flags, "URX");
            assert_eq!(endpoint.calls.load(Ordering::Relaxed), 3);
        }
        for after in [1, 200, 284] {
            let endpoint = Endpoint::new(after, status, Head);
            let service = ServiceBuilder::new().layer(RetryLayer::new(policy.clone()));
            let ended = call(service.service(endpoint.service()), request()).await;
            assert_eq!(ended, (format!("grpc Some({status})"), "-".to_owned()), "after {after} ms");
            assert_eq!(endpoint.calls.load(Ordering::Relaxed), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_2_retries_within_a_timeout_do_not_repeat_its_end() {
    for after in [951, 999, 1_001] {
        let endpoint = Endpoint::new(after, 1, Head);
        let layers = ServiceBuilder::new()
            .layer(TimeoutLayer::new(ms(1_000)))
            .layer(RetryLayer::new(policy(0)))
            .service(endpoint.service());
        let ended = call(layers, request()).await;
        assert_eq!(ended, ("504 UT response_timeout".to_owned(), "UT".to_owned()), "after {after} ms");
        assert_eq!(endpoint.calls.load(Ordering::Relaxed), 1);
    }
}

/// The deadline of the last try draws the line: 400 ms, of which less than 20 ms are left.
#[tokio::test(start_paused = true)]
async fn rt_4_the_line_is_that_of_the_try_that_answered() {
    for (after, ended) in [(375, "grpc Some(1)"), (385, "504 UT response_timeout")] {
        for place in [Head, Trailers] {
            let tries = Arc::new(AtomicUsize::new(0));
            let service = service_fn(move |_: Request<Body>| {
                let first = tries.fetch_add(1, Ordering::Relaxed) == 0;
                async move {
                    if first {
                        sleep(ms(600)).await;
                        return Ok(Response::builder().status(503).body(Body::empty())?);
                    }
                    Endpoint::new(after, 1, place).answer().await
                }
            });
            let mut policy = policy(0);
            policy.on = RetryOn::parse("gateway-error").unwrap().0;
            policy.backoff = mesh_core::retry::Backoff::new(ms(1));
            let layers = ServiceBuilder::new()
                .layer(TimeoutLayer::new(ms(1_000)))
                .layer(RetryLayer::new(policy))
                .service(service);
            assert_eq!(call(layers, request()).await.0, ended, "{place:?} after {after} ms");
        }
    }
}

/// The limit of one try ends with the response's head.
#[tokio::test(start_paused = true)]
async fn rt_3_trailers_that_come_when_the_time_of_a_try_is_over_are_passed_on() {
    for after in [286, 299, 301, 2_000] {
        let layers = ServiceBuilder::new()
            .layer(TimeoutLayer::new(ms(10_000)))
            .layer(RetryLayer::new(policy(300)))
            .service(Endpoint::new(after, 4, Trailers).service());
        assert_eq!(call(layers, request()).await.0, "grpc Some(4)", "after {after} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn od_2_an_endpoint_that_answers_so_is_judged_by_its_timeout() {
    for (after, ejected) in [(940, false), (995, true)] {
        for place in [Head, Trailers] {
            let policy =
                OutlierPolicy { consecutive_5xx: 1, max_ejection_percent: 100, ..OutlierPolicy::default() };
            // CANCELLED is no failure of an endpoint; a timeout is.
            let endpoint = Endpoint::new(after, 1, place).service();
            let outlier = Outlier::new(endpoint, Arc::new(Detector::new(policy)), 1);
            let layers = ServiceBuilder::new().layer(TimeoutLayer::new(ms(1_000))).service(outlier.clone());
            call(layers.map_response(|response| response.map(Body::new)), request()).await;
            assert_eq!(outlier.host().is_ejected(), ejected, "{place:?} after {after} ms");
        }
    }
}
