use http_body_util::BodyExt;

use super::*;

fn streamed(chunks: &[&'static str]) -> Body {
    let frames: Vec<_> = chunks
        .iter()
        .map(|chunk| Ok::<_, BoxError>(Frame::data(Bytes::from_static(chunk.as_bytes()))))
        .collect();
    Body::new(http_body_util::StreamBody::new(futures_util::stream::iter(frames)))
}

async fn text(body: ReplayBody) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes_wherever_the_first_stopped() {
    let chunks = ["one ", "two ", "three"];
    for read_first in 0..=chunks.len() {
        let (replay, mut first) = ReplayBody::new(streamed(&chunks), ReplayBudget::default(), REQUEST_CAP);
        for _ in 0..read_first {
            first.frame().await.unwrap().unwrap();
        }
        let second = replay.again().unwrap();
        assert!(first.frame().await.unwrap().is_err(), "the older attempt may not steal frames");
        let third_before_read = text(second).await;
        assert_eq!(third_before_read, "one two three", "after {read_first} frames");
        assert_eq!(text(replay.again().unwrap()).await, "one two three");
    }
}

#[tokio::test]
async fn rt_10_past_the_cap_it_streams_on_and_lets_go() {
    let budget = ReplayBudget::default();
    let (replay, mut body) = ReplayBody::new(streamed(&["12345", "67890", "x"]), budget.clone(), 8);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "12345");
    assert_eq!(budget.used(), 5);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "67890");
    assert!(replay.again().is_none());
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
    assert_eq!(budget.used(), 0);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn the_budget_of_all_requests_is_a_bound_too() {
    let budget = ReplayBudget::new(6);
    let (one, mut first) = ReplayBody::new(streamed(&["12345"]), budget.clone(), 100);
    let (two, mut second) = ReplayBody::new(streamed(&["12345"]), budget.clone(), 100);
    first.frame().await.unwrap().unwrap();
    second.frame().await.unwrap().unwrap();
    assert!(one.again().is_some());
    assert!(two.again().is_none());
    drop((one, first, two, second));
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn a_commit_frees_what_was_kept_once_it_was_sent() {
    let budget = ReplayBudget::default();
    let (replay, mut body) = ReplayBody::new(streamed(&["12345", "6", "7"]), budget.clone(), 100);
    body.frame().await.unwrap().unwrap();
    replay.commit();
    body.frame().await.unwrap().unwrap();
    assert_eq!(budget.used(), 0);
    assert_eq!(text(body).await, "7");
}

#[tokio::test]
async fn the_size_is_told_so_that_content_length_survives() {
    let (_replay, body) = ReplayBody::new(Body::from("12345"), ReplayBudget::default(), 100);
    assert_eq!(body.size_hint().exact(), Some(5));
}
