//! Many requests on one connection (wish 24).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use mesh_tower::Body;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::world;

#[tokio::test(start_paused = true)]
async fn wish_24_a_burst_at_a_fresh_host_makes_one_http2_handshake() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    upstreams[0].max_streams(1_000);
    let answers = join_all((0..500).map(|_| test.get("http://api/"))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(upstreams[0].connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn wish_24_at_the_stream_limit_another_connection_is_opened() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    let api = &upstreams[0];
    let gate = Arc::new(Semaphore::new(0));
    let waiting = gate.clone();
    api.max_streams(2).handle(move |_| {
        let gate = waiting.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Response::new(Body::from("done"))
        }
    });
    let calls = join_all((0..6).map(|_| test.get("http://api/")));
    let open = async {
        api.arrived(6).await;
        assert_eq!(api.connections(), 3);
        gate.add_permits(6);
    };
    let (answers, ()) = tokio::join!(calls, open);
    assert!(answers.iter().all(|answer| answer.status() == 200));
}

#[tokio::test(start_paused = true)]
async fn wish_24_readers_who_stop_do_not_stop_their_connection() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    upstreams[0].respond(200, vec![b'x'; 2 << 20]);
    let mut unread = Vec::new();
    for _ in 0..40 {
        unread.push(test.client().get("http://api/").await.unwrap());
    }
    let answer =
        timeout(Duration::from_secs(60), test.get("http://api/")).await.expect("room on the connection");
    assert_eq!((answer.body.len(), upstreams[0].connections()), (2 << 20, 1));
    for response in unread {
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 2 << 20);
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_http2_connection_is_replaced_without_an_error() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    for round in 0..50 {
        let answer = test.get("http://api/").await;
        assert_eq!(answer.status(), 200, "{round}: {answer:?} {}", test.transcript());
        // A request that crosses the GOAWAY goes to another connection.
        upstreams[0].drain_connections();
    }
    let post = Request::post("http://api/").body(Body::from("x")).unwrap();
    assert_eq!(test.send(post).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn many_answers_at_once_arrive_whole_through_one_http2_connection() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    upstreams[0].max_streams(1_000).handle(|request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Response::new(Body::from(body))
    });
    let calls = (0_u8..200).map(|call| {
        // Below, at and above the size of a batch; some announced, some in pieces.
        let size = [100, 1024, 16 * 1024, 100_000][usize::from(call % 4)];
        let bytes = Bytes::from(vec![call; size]);
        let body = if call % 8 < 4 { bytes.clone().into() } else { mesh_tests::body::chunked(&bytes, 7_000) };
        let answer = test.send(Request::post("http://api/").body(body).unwrap());
        async move { (answer.await, bytes) }
    });
    for (answer, bytes) in join_all(calls).await {
        assert!(answer.status() == 200 && answer.body == bytes, "{answer:?}");
    }
    assert_eq!(upstreams[0].connections(), 1);
}

/// `h2` closes a connection at the 101st empty DATA frame, and with it the other streams on it.
#[tokio::test(start_paused = true)]
async fn empty_pieces_of_an_upload_cost_no_frames() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    upstreams[0].handle(|request| async {
        Response::new(Body::from(request.into_body().collect().await.unwrap().to_bytes()))
    });
    let pieces = (0..300).map(|piece| if piece % 100 == 99 { "x" } else { "" });
    let frames = pieces.map(|piece| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(piece))));
    let body = Body::new(http_body_util::StreamBody::new(futures_util::stream::iter(frames)));
    let answer = test.send(Request::post("http://api/").body(body).unwrap()).await;
    assert_eq!((answer.status().as_u16(), &*answer.text()), (200, "xxx"));
    assert_eq!(upstreams[0].connections(), 1);
}
