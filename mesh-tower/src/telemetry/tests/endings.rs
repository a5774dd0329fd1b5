//! Each end of a request is reported once, and correctly.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use mesh_core::outcome::{Outcome, Reset};
use mesh_core::reply::{Flag, LocalReply};
use tokio_test::assert_ready;

use super::super::names;
use super::bench::*;
use crate::error::{BoxError, Error};

#[tokio::test(start_paused = true)]
async fn me_1_a_response_passes_untouched_and_is_reported_at_its_last_frame() {
    let mut bench = Bench::new();
    let (mut future, _, send) = bench.send(request(&[("x-a", "a"), ("x-not-named", "n")]));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-c", HeaderValue::from_static("c"));
    let frames = [Ok(Frame::data(Bytes::from("12345"))), Ok(Frame::trailers(trailers.clone()))];
    let mut script = Script::new(frames, true);
    script.hint = SizeHint::with_exact(5);
    let mut response = Response::new(script);
    response.headers_mut().insert("x-b", HeaderValue::from_static("b"));
    send.send_response(response);
    let response = assert_ready!(future.poll()).unwrap();
    assert_eq!(response.body().size_hint().exact(), Some(5));
    assert!(!response.body().is_end_stream());
    assert!(bench.is_silent());
    tokio::time::advance(Duration::from_millis(40)).await;
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(body.to_bytes(), "12345");
    let (labels, line) = bench.report();
    assert_eq!(line, "GET reviews:9080 /a?b 200 - via_upstream 3 5 40 - a b c - - -");
    assert_eq!(labels["response_code"], "200");
    assert_eq!(bench.recording.samples(names::DURATION), [40.0]);
    assert_eq!(bench.recording.samples(names::REQUEST_BYTES), [3.0]);
    assert_eq!(bench.recording.samples(names::RESPONSE_BYTES), [5.0]);
}

#[tokio::test(start_paused = true)]
async fn a_response_without_body_is_reported_with_its_head() {
    for (method, code, script) in [
        (Method::GET, 200, Script::empty()),
        (Method::HEAD, 200, Script::new([], false)),
        (Method::GET, 304, Script::new([], false)),
    ] {
        let mut bench = Bench::new();
        let mut call = request(&[]);
        *call.method_mut() = method;
        let (mut future, _, send) = bench.send(call);
        send.send_response(Response::builder().status(code).body(script).unwrap());
        drop(assert_ready!(future.poll()).unwrap());
        let (labels, _) = bench.report();
        assert_eq!(
            (labels["response_code"].as_str(), labels["response_flags"].as_str()),
            (&*code.to_string(), "-")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_has_given_its_announced_length_may_be_dropped() {
    let mut bench = Bench::new();
    let (mut future, _, send) = bench.send(request(&[]));
    let mut script = Script::new([Ok(Frame::data(Bytes::from("12345")))], false);
    script.hint = SizeHint::with_exact(0);
    send.send_response(Response::new(script));
    let mut body = assert_ready!(future.poll()).unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert!(bench.is_silent(), "trailers may follow");
    drop(body);
    assert_eq!(bench.report().0["response_flags"], "-");
}

/// Bodies of HTTP/1.1 endpoints report their end on another poll, which no server makes after trailers.
#[tokio::test(start_paused = true)]
async fn a_body_that_has_given_its_trailers_may_be_dropped() {
    let mut bench = Bench::new();
    let (mut future, _, send) = bench.send(request(&[]));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-c", HeaderValue::from_static("c"));
    let frames = [Ok(Frame::data(Bytes::from("12345"))), Ok(Frame::trailers(trailers))];
    send.send_response(Response::new(Script::new(frames, false)));
    let mut body = assert_ready!(future.poll()).unwrap().into_body();
    while !body.frame().await.unwrap().unwrap().is_trailers() {}
    drop(body);
    let (labels, line) = bench.report();
    assert_eq!((labels["response_code"].as_str(), labels["response_flags"].as_str()), ("200", "-"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn al_4_a_caller_that_leaves_before_the_head_is_code_0_dc() {
    let mut bench = Bench::new();
    let (future, _, _send) = bench.send(request(&[]));
    tokio::time::advance(Duration::from_millis(7)).await;
    drop(future);
    let (labels, line) = bench.report();
    assert_eq!(line, "GET reviews:9080 /a?b 0 DC downstream_remote_disconnect 3 0 7 - - - - - - -");
    assert_eq!((labels["response_code"].as_str(), labels["response_flags"].as_str()), ("0", "DC"));
}

#[tokio::test(start_paused = true)]
async fn al_4_a_caller_that_leaves_in_the_body_keeps_the_code() {
    let mut bench = Bench::new();
    let (mut future, _, send) = bench.send(request(&[]));
    send.send_response(Response::new(Script::new([Ok(Frame::data(Bytes::from("12")))], false)));
    let mut body = assert_ready!(future.poll()).unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let (_, line) = bench.report();
    assert!(line.contains(" 200 DC downstream_remote_disconnect 3 2 "), "{line}");
}

#[tokio::test(start_paused = true)]
async fn rf_2_an_error_of_ours_is_reported_as_the_answer_it_becomes() {
    for (content_type, code, grpc, sent) in
        [("text/plain", "503", "-", "19"), ("application/grpc", "200", "14", "0")]
    {
        let mut bench = Bench::new();
        let (mut future, _, send) = bench.send(request(&[("content-type", content_type)]));
        send.send_error(Error::local(LocalReply::no_healthy_upstream()));
        let error = assert_ready!(future.poll()).unwrap_err();
        assert!(Error::from_box(error).reply().flags.has(Flag::NoHealthyUpstream), "the error is unchanged");
        let (labels, line) = bench.report();
        assert!(line.contains(&format!(" {code} UH no_healthy_upstream 3 {sent} 0 {grpc} ")), "{line}");
        assert_eq!(labels["response_flags"], "UH");
        assert_eq!(labels["grpc_response_status"], grpc.trim_matches('-'));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_not_ours_counts_as_a_broken_connection() {
    let mut bench = Bench::new();
    let (mut future, _, send) = bench.send(request(&[]));
    send.send_error("oh");
    assert_eq!(assert_ready!(future.poll()).unwrap_err().to_string(), "oh");
    let (_, line) = bench.report();
    assert!(
        line.contains(" 503 UC upstream_reset_before_response_started{connection_termination} "),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_reported_with_its_reason() {
    let reset = Outcome::Reset { reset: Reset::RemoteReset, written: true };
    for (error, words) in [
        (
            BoxError::from(Error::attempt(reset, None)),
            "UR upstream_reset_after_response_started{remote_reset}",
        ),
        (BoxError::from("oh"), "UC upstream_reset_after_response_started{connection_termination}"),
        (BoxError::from(Error::local(LocalReply::timeout())), "UT response_timeout"),
    ] {
        let mut bench = Bench::new();
        let (mut future, _, send) = bench.send(request(&[]));
        send.send_response(Response::new(Script::new([Err(error)], false)));
        let mut body = assert_ready!(future.poll()).unwrap().into_body();
        body.frame().await.unwrap().unwrap_err();
        drop(body);
        let (_, line) = bench.report();
        assert!(line.contains(&format!(" 200 {words} ")), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn me_3_grpc_status_is_read_from_trailers_or_head() {
    for in_head in [true, false] {
        let mut bench = Bench::new();
        let (mut future, _, send) = bench.send(request(&[("content-type", "application/grpc+proto")]));
        let status =
            HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from(5))]);
        let frames = if in_head { vec![] } else { vec![Ok(Frame::trailers(status.clone()))] };
        let mut response = Response::new(Script::new(frames, true));
        if in_head {
            *response.headers_mut() = status;
        }
        send.send_response(response);
        let body = assert_ready!(future.poll()).unwrap().into_body();
        body.collect().await.unwrap();
        let (labels, _) = bench.report();
        assert_eq!(labels["request_protocol"], "grpc");
        assert_eq!(labels["grpc_response_status"], "5");
    }
}
