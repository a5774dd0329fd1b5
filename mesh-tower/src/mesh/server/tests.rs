use std::future::Ready;
use std::task::{Context, Poll};

use http::{Request, Response};
use mesh_core::headers::FieldLimit;
use tower::{Service, ServiceExt};
use tower_layer::Layer;

use crate::body::Body;
use crate::error::BoxError;
use crate::mesh::Mesh;

/// Like tower's own services, it may not be called after it failed to become ready.
#[derive(Clone)]
struct NeverReady;

impl Service<Request<Body>> for NeverReady {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Err("closed".into()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        panic!("called though it is not ready")
    }
}

#[tokio::test]
async fn a_service_that_cannot_become_ready_says_so_in_a_response() {
    let mesh = Mesh::builder().start().await.unwrap();
    let request = Request::get("http://stock/").body(Body::empty()).unwrap();
    let response = mesh.layer().layer(NeverReady).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 503);
}

#[tokio::test]
async fn ou_1_the_ids_that_a_server_makes_are_of_the_meshs_seed() {
    let id = async |seed: u64| {
        let mesh = Mesh::builder().seed(seed).start().await.unwrap();
        let echo = tower::service_fn(|request: Request<Body>| async move {
            let id = request.headers()["x-request-id"].clone();
            Ok::<_, BoxError>(Response::builder().header("id", id).body(Body::empty()).unwrap())
        });
        let request = Request::get("http://stock/").body(Body::empty()).unwrap();
        let response = mesh.layer().layer(echo).oneshot(request).await.unwrap();
        response.headers()["id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id(7).await, id(7).await);
    assert_ne!(id(7).await, id(8).await);
}

#[tokio::test]
async fn gw_12_the_limit_of_a_mesh_is_that_of_its_servers() {
    let status = async |kib: u32| {
        let mesh = Mesh::builder().max_fields(FieldLimit::kib(kib).unwrap()).start().await.unwrap();
        let answers =
            tower::service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::empty())) });
        let request = Request::get("http://stock/").header("x-a", "v".repeat(70 << 10));
        let response =
            mesh.layer().layer(answers).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        response.status().as_u16()
    };
    assert_eq!((status(60).await, status(96).await), (431, 200));
}
