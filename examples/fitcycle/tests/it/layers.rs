//! What stands around the API's routes, seen by a caller outside the mesh.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::process::client;
use crate::run::Run;

/// Sends until the answer is none of the faults that the manifests inject into two writes of a hundred.
async fn send(request: RequestBuilder) -> reqwest::Response {
    for _ in 0..10 {
        let response = request.try_clone().unwrap().send().await.unwrap();
        if response.status().as_u16() != 503 {
            return response;
        }
    }
    panic!("ten injected faults in a row");
}

#[tokio::test]
async fn through_the_mesh_answers_are_compressed_and_long_bodies_refused() {
    let run = Run::start(&["--rate", "0"]).await;
    let (client, api) = (client(), format!("{}/api/v1.0/signups", run.gateway));
    let draft = json!({ "firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com" });
    for _ in 0..5 {
        assert_eq!(send(client.post(&api).json(&draft)).await.status().as_u16(), 201);
    }

    let plain = client.get(&api).send().await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    let packed = client.get(&api).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.headers()["vary"], "accept-encoding");
    let mut text = String::new();
    GzDecoder::new(&*packed.bytes().await.unwrap()).read_to_string(&mut text).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["signups"].as_array().unwrap().len(), 5);

    let long = send(client.post(&api).body(vec![b'a'; 100 << 10])).await;
    assert_eq!(long.status().as_u16(), 413);
    assert_eq!(long.text().await.unwrap(), "length limit exceeded");
}
