//! Uploads and responses that end early, late, or never.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use mesh_tower::test::{Fault, TestMesh, pass};
use mesh_tower::{Body, BoxError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use super::world;

#[tokio::test(start_paused = true)]
async fn a_response_before_the_upload_ends_does_not_spoil_the_next_request() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        upstreams[0].handle(|_| async { Response::new(Body::from("early")) });
        for _ in 0..5 {
            let body = mesh_tests::body::slow(&["a", "b", "c"], Duration::from_secs(1));
            let answer = test.send(Request::post("http://api/").body(body).unwrap()).await;
            assert_eq!((answer.status().as_u16(), answer.text().as_str()), (200, "early"), "{port}");
        }
    }
}

/// Gets the whole response to an upload that has only begun.
async fn answered_early(test: &TestMesh) -> mesh_tests::body::Sender {
    let (upload, body) = mesh_tests::body::channel();
    upload.data("first").await;
    let answer = test.send(Request::post("http://api/").body(body).unwrap()).await;
    assert_eq!((answer.text().as_str(), answer.broken.is_some()), ("early", false));
    upload
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_outlives_its_response_ends_soon_and_keeps_its_place_till_then() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        let api = &upstreams[0];
        let (ended, mut ends) = mpsc::unbounded_channel();
        api.max_streams(1).handle(move |request| {
            let ended = ended.clone();
            tokio::spawn(async move { ended.send(request.into_body().collect().await.is_ok()) });
            async { Response::new(Body::from("early")) }
        });
        let begun = Instant::now();
        let silent = answered_early(&test).await;
        let brief =
            timeout(Duration::from_secs(60), answered_early(&test)).await.expect("another connection");
        assert_eq!(api.connections(), 2, "{port}");
        pass(Duration::from_millis(500)).await;
        drop(brief);
        assert_eq!(ends.recv().await, Some(true), "{port}");
        let whole = timeout(Duration::from_secs(60), ends.recv()).await.expect("an end");
        assert_eq!((whole, begun.elapsed().as_secs()), (Some(false), 1), "{port}");
        drop(silent);
        answered_early(&test).await;
        assert_eq!(api.connections(), 2, "{port}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_dropped_during_the_upload_ends_the_upload_too() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        let (broken, mut ends) = mpsc::unbounded_channel();
        upstreams[0].handle(move |request| {
            let broken = broken.clone();
            tokio::spawn(async move {
                let failed = request.into_body().collect().await.is_err();
                broken.send(failed).unwrap();
            });
            // It has begun and never ends.
            async { Response::new(mesh_tests::body::slow(&["begun", "never"], Duration::from_secs(3600))) }
        });
        let (upload, body) = mesh_tests::body::channel();
        upload.data("first").await;
        let request = Request::post("http://api/").body(body).unwrap();
        let response = test.client().clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{port}");
        drop(response);
        // The caller sends no more data and no end.
        assert_eq!(ends.recv().await, Some(true), "{port}");
        drop(upload);
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_response_stays_whole_when_the_upload_is_stopped() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    // The request's body is dropped unread: the server sends RST_STREAM with NO_ERROR after its answer.
    upstreams[0].handle(|_| async { Response::new(Body::from("enough")) });
    for _ in 0..5 {
        let (upload, body) = mesh_tests::body::channel();
        upload.data("first").await;
        let answer = test.send(Request::post("http://api/").body(body).unwrap()).await;
        assert_eq!((answer.text().as_str(), answer.broken.is_some()), ("enough", false));
    }
    assert_eq!(upstreams[0].connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_response_reset_in_its_middle_is_not_a_whole_one() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        upstreams[0].respond(200, "0123456789").fault(Fault::ResetMidBody);
        let answer = test.get("http://api/").await;
        assert_eq!((answer.status().as_u16(), answer.text().as_str()), (200, "01234"), "{port}");
        assert!(answer.broken.is_some(), "{port}");
        assert_eq!(test.get("http://api/").await.text(), "0123456789");
    }
}

/// A body of unknown length that is reset after this text.
fn cut_short(text: &'static str, reason: Reason) -> Body {
    let frames = futures_util::stream::unfold(Some(text), move |text| async move {
        match text {
            Some(text) => Some((Ok(Frame::data(Bytes::from_static(text.as_bytes()))), None)),
            // The earlier data must be on the wire: a reset discards unsent data.
            None => {
                pass(Duration::from_millis(1)).await;
                Some((Err(BoxError::from(h2::Error::from(reason))), None))
            }
        }
    });
    Body::new(StreamBody::new(frames))
}

#[tokio::test(start_paused = true)]
async fn a_response_of_unknown_length_that_is_reset_is_not_a_whole_one_whatever_the_reason() {
    for reason in [Reason::NO_ERROR, Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
        upstreams[0].handle(move |_| async move { Response::new(cut_short("half of", reason)) });
        let answer = test.get("http://api/").await;
        assert_eq!((answer.status().as_u16(), answer.text().as_str()), (200, "half of"), "{reason:?}");
        assert!(answer.broken.is_some(), "{reason:?}");
    }
}
