//! A canary: testers get the new version; other callers get it one time in ten.

use axum::http::Request;
use mesh_examples::{text, version};
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::{Body, BoxError, Mesh};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let reviews = Service::new("reviews")
        .port(9080, Protocol::Http)
        .endpoint(version("v1").await?, [("version", "v1")])
        .endpoint(version("v2").await?, [("version", "v2")]);
    // Rules are tried in order; the first rule whose conditions all hold applies.
    let mesh = Mesh::builder()
        .service(reviews)
        .rule(Rule::to("reviews").named("testers").header("x-tester", "yes").weighted("v2", 100))
        .rule(Rule::to("reviews").named("everybody").weighted("v1", 90).weighted("v2", 10))
        .seed(7)
        .start()
        .await?;

    let client = mesh.client();
    for tester in ["no", "yes"] {
        let mut canaries = 0;
        for _ in 0..500 {
            let request = Request::get("http://reviews:9080/").header("x-tester", tester);
            let answer = text(client.request(request.body(Body::empty())?).await?).await?;
            canaries += u32::from(answer == "v2");
        }
        println!("x-tester: {tester}: v2 answered {canaries} of 500 calls");
    }
    Ok(())
}
