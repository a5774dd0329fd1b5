//! Heads and trailers of HTTP/2 endpoints in the library: whole up to the limit, an error beyond it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use mesh_core::headers::FieldLimit;
use mesh_tests::config::{service, virtual_service};
use mesh_tower::Body;
use mesh_tower::test::{Answer, MeshTest, TestMesh};

/// Fields of this many KiB in all, names included.
fn fields(kib: usize) -> HeaderMap {
    (0..kib)
        .map(|index| {
            let name = format!("x-{index:03}");
            let value = HeaderValue::try_from("v".repeat(1024 - name.len())).unwrap();
            (HeaderName::try_from(name).unwrap(), value)
        })
        .collect()
}

/// The size of such fields in KiB.
fn kib(map: &HeaderMap) -> usize {
    let ours = map.iter().filter(|(name, _)| name.as_str().len() == 5 && name.as_str().starts_with("x-"));
    ours.map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() / 1024
}

async fn world(port: &str) -> TestMesh {
    limited_world(port, FieldLimit::default()).await
}

/// An endpoint that answers `/head/N` and `/trailers/N` with fields of N KiB, and other paths with the sizes that
/// arrived.
async fn limited_world(port: &str, limit: FieldLimit) -> TestMesh {
    let test = MeshTest::new(&service("api", port, 80, &["10.0.0.1"]));
    let test = test.with(|builder| builder.max_fields(limit)).start().await;
    test.upstream("10.0.0.1:80").handle(|request| async move {
        let path = request.uri().path().to_owned();
        let size = path.rsplit('/').next().and_then(|size| size.parse().ok()).unwrap_or_default();
        let Ok(body) = request.into_body().collect().await else { return Response::new(Body::empty()) };
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        if path.starts_with("/head") {
            response.headers_mut().extend(fields(size));
            response.headers_mut().insert("grpc-status", HeaderValue::from_static("7"));
        } else if path.starts_with("/trailers") {
            let mut trailers = fields(size);
            trailers.insert("grpc-status", HeaderValue::from_static("7"));
            let body = Full::new(Bytes::from("body")).with_trailers(async move { Some(Ok(trailers)) });
            *response.body_mut() = Body::new(body);
        } else {
            let came = body.trailers().map_or(0, |trailers| trailers.len());
            response.headers_mut().insert("trailers-came", came.into());
        }
        response
    });
    test
}

fn call(path: &str) -> Request<Body> {
    Request::post(format!("http://api{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_endpoints_fields_arrive_whole_up_to_the_limit() {
    for port in ["http", "grpc"] {
        let test = world(port).await;
        for size in [1, 20, 59] {
            let answer = test.send(call(&format!("/head/{size}"))).await;
            assert_eq!(answer.grpc_status(), Some(7), "{port}: the endpoint's own status");
            assert_eq!(answer.header(&format!("x-{:03}", size - 1)).len(), 1019);
            if port == "grpc" {
                let answer = test.send(call(&format!("/trailers/{size}"))).await;
                assert_eq!(answer.grpc_status(), Some(7), "{size}: {:?}", answer.broken);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoints_fields_over_the_limit_are_an_error() {
    for port in ["http", "grpc"] {
        let test = world(port).await;
        for size in [61, 90] {
            let answer = test.send(call(&format!("/head/{size}"))).await;
            assert_eq!(answer.grpc_status(), Some(14), "{port} {size}");
            assert_eq!(answer.flags(), "UPE");
            if port == "grpc" {
                let answer = test.send(call(&format!("/trailers/{size}"))).await;
                assert!(answer.broken.is_some(), "{size}: not cut silently");
            }
        }
        let answer = test.send(call("/head/1")).await;
        assert_eq!(answer.grpc_status(), Some(7));
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_an_endpoints_fields_can_be_set() {
    for port in ["http", "grpc"] {
        let test = limited_world(port, FieldLimit::kib(96).unwrap()).await;
        let answer = test.send(call("/head/90")).await;
        assert_eq!((answer.grpc_status(), kib(&answer.head.headers)), (Some(7), 90), "{port}");
        let answer = test.send(call("/head/97")).await;
        assert_eq!((answer.grpc_status(), answer.flags().as_str()), (Some(14), "UPE"), "{port}");
        if port == "grpc" {
            let answer = test.send(call("/trailers/90")).await;
            assert!(answer.broken.is_none(), "{:?}", answer.broken);
            assert_eq!((answer.grpc_status(), kib(&answer.trailers.unwrap())), (Some(7), 90));
            let answer = test.send(call("/trailers/97")).await;
            assert!(answer.broken.is_some(), "not cut silently");
        }
    }
}

/// A body with these trailers.
fn upload(trailers: HeaderMap) -> Body {
    Body::new(Full::new(Bytes::from("body")).with_trailers(async move { Some(Ok(trailers)) }))
}

#[tokio::test(start_paused = true)]
async fn gw_12_a_callers_head_over_the_limit_is_431() {
    let test = world("http2").await;
    let mut request = call("/");
    request.headers_mut().extend(fields(58));
    assert_eq!(test.send(request).await.status(), 200);
    let mut request = Request::get("http://api/").body(Body::empty()).unwrap();
    request.headers_mut().extend(fields(61));
    assert_eq!(test.send(request).await.status(), 431);
}

#[tokio::test(start_paused = true)]
async fn a_callers_trailers_arrive_whole() {
    let test = world("http2").await;
    let request = call("/").map(|_| upload(fields(50)));
    let answer: Answer = test.send(request).await;
    assert_eq!(answer.header("trailers-came"), "50");
}

#[tokio::test(start_paused = true)]
async fn a_callers_large_trailers_arrive_whole_or_fail_and_never_short() {
    for limit in [FieldLimit::default(), FieldLimit::kib(96).unwrap()] {
        let test = limited_world("http2", limit).await;
        for size in [61, 100, 400] {
            let answer = test.send(call("/").map(|_| upload(fields(size)))).await;
            if answer.status() == 200 && answer.error.is_none() && answer.grpc_status().is_none() {
                assert_eq!(answer.header("trailers-came"), size.to_string());
            } else {
                assert!(answer.error.is_some(), "{size}: {answer:?}");
                assert_eq!(answer.header("trailers-came"), "", "{size}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn several_cookie_fields_of_a_request_are_one_to_rules_and_endpoints() {
    let rule = "  - match: [{withoutHeaders: {cookie: {regex: 'a=1; b=2; c=.'}}}]
    route: [{destination: {host: api}, headers: {response: {set: {rule: without}}}}]
  - match: [{headers: {cookie: {exact: 'a=1; b=2; c=3'}}}]
    headers: {request: {set: {echo: '%REQ(cookie)%'}}}
    route: [{destination: {host: api}, headers: {response: {set: {rule: joined, echo: '%REQ(cookie)%'}}}}]
  - route: [{destination: {host: api}}]";
    for port in ["http", "http2"] {
        let yaml = service("api", port, 80, &["10.0.0.1"]) + &virtual_service("api", rule);
        let test = MeshTest::new(&yaml).start().await;
        let api = test.upstream("10.0.0.1:80").clone();
        let mut request = Request::get("http://api/").body(Body::empty()).unwrap();
        for cookie in ["a=1", "b=2", "c=3"] {
            request.headers_mut().append("cookie", HeaderValue::from_static(cookie));
        }
        let answer = test.send(request).await;
        assert_eq!(answer.header("rule"), "joined", "{port}");
        assert_eq!(answer.header("echo"), "a=1; b=2; c=3", "{port}");
        let arrival = &api.arrivals()[0];
        assert_eq!(arrival.header("echo"), "a=1; b=2; c=3", "{port}");
        let lines: Vec<_> = arrival.headers.get_all("cookie").iter().collect();
        assert_eq!(lines, ["a=1; b=2; c=3"], "{port}");
        let mut other = Request::get("http://api/").body(Body::empty()).unwrap();
        for cookie in ["a=1", "c=3", "b=2"] {
            other.headers_mut().append("cookie", HeaderValue::from_static(cookie));
        }
        assert_eq!(test.send(other).await.header("rule"), "without", "{port}");
    }
}
