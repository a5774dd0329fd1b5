//! gRPC through the stack: four kinds of streaming, trailers unchanged (RF-4).

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use mesh_tests::body::{Sender, channel, next_text};
use mesh_tests::config::service;
use mesh_tower::Body;
use mesh_tower::test::{MeshTest, TestMesh, Upstream, grpc_frame};

async fn world() -> (TestMesh, Upstream) {
    let test = MeshTest::new(&service("api", "grpc", 80, &["10.0.0.1"])).start().await;
    let api = test.upstream("10.0.0.1:80");
    (test, api)
}

fn request(body: Body) -> Request<Body> {
    Request::post("http://api/pkg.Service/Method")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap()
}

fn reply(body: Body) -> Response<Body> {
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

fn status(code: &str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    trailers.insert("grpc-message", "what%20happened".parse().unwrap());
    trailers
}

/// Sends back every frame, one by one, and ends with a status.
async fn echo(mut body: Body, sender: Sender) {
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            sender.data(data).await;
        }
    }
    sender.trailers(status("0")).await;
}

#[tokio::test(start_paused = true)]
async fn unary_with_trailers() {
    let (test, api) = world().await;
    api.respond_grpc(9, "reply");
    let answer = test.send(request(grpc_frame(b"hello").into())).await;
    assert_eq!((answer.status().as_u16(), answer.grpc_status()), (200, Some(9)));
    assert_eq!(answer.body, grpc_frame(b"reply"));
    assert!(answer.trailers.is_some(), "the status stood in real trailers");
    assert_eq!(api.arrivals()[0].header("te"), "trailers");
}

#[tokio::test(start_paused = true)]
async fn both_ways_at_once_message_by_message() {
    let (test, api) = world().await;
    api.handle(|request| async {
        let (sender, body) = channel();
        tokio::spawn(echo(request.into_body(), sender));
        reply(body)
    });
    let (sender, body) = channel();
    let response = test.client().request(request(body)).await.unwrap();
    let mut answer = response.into_body();
    for number in 0..50 {
        let message = format!("message {number}");
        assert!(sender.data(message.clone()).await);
        // Each answer arrives before the next message is sent: no part is held back.
        assert_eq!(next_text(&mut answer).await.unwrap(), message);
    }
    drop(sender);
    let trailers = answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["grpc-message"]),
        (&"0".parse().unwrap(), &"what%20happened".parse().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn many_answers_to_one_and_one_to_many() {
    let (test, api) = world().await;
    api.handle(|request| async {
        let length = request.into_body().collect().await.unwrap().to_bytes().len();
        let (sender, body) = channel();
        tokio::spawn(async move {
            for _ in 0..100 {
                sender.data(vec![1; 10_000]).await;
            }
            sender.data(length.to_string()).await;
            sender.trailers(status("0")).await;
        });
        reply(body)
    });
    let (sender, body) = channel();
    let upload = async {
        for _ in 0..100 {
            sender.data(Bytes::from(vec![2; 10_000])).await;
        }
        drop(sender);
    };
    let (answer, ()) = tokio::join!(test.send(request(body)), upload);
    assert_eq!(answer.body.len(), 1_000_000 + "1000000".len());
    assert!(answer.body.ends_with(b"1000000"));
    assert_eq!(answer.grpc_status(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_a_stream_resets_it_upstream() {
    let (test, api) = world().await;
    let (gone, noticed) = tokio::sync::oneshot::channel();
    let gone = std::sync::Mutex::new(Some(gone));
    api.handle(move |_| {
        let gone = gone.lock().unwrap().take();
        async move {
            let (sender, body) = channel();
            tokio::spawn(async move {
                while sender.data("more").await {}
                gone.map(|gone| gone.send(()))
            });
            reply(body)
        }
    });
    let mut response = test.client().request(request(grpc_frame(b"hello").into())).await.unwrap();
    assert_eq!(next_text(response.body_mut()).await.unwrap(), "more");
    drop(response);
    noticed.await.unwrap();
    assert_eq!(api.open_connections(), 1, "the connection serves others");
}
