use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

struct World {
    _folder: tempfile::TempDir,
    store: Store,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Sqlite(folder.path().join("p.db"))).await.unwrap();
        Self { _folder: folder, store }
    }

    async fn ask(&self, version: Version, method: Method, path: &str, body: &str) -> (Response<()>, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = router(self.store.clone(), version, "api-7").oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (Response::from_parts(head, ()), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, version: Version, path: &str) -> (Response<()>, Value) {
        self.ask(version, Method::GET, path, "").await
    }

    async fn post(&self, version: Version, body: &Value) -> (Response<()>, Value) {
        self.ask(version, Method::POST, SIGNUPS, &body.to_string()).await
    }
}

fn ada() -> Value {
    json!({ "firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com" })
}

type Response<B> = http::Response<B>;

#[tokio::test]
async fn what_is_posted_is_listed_in_both_versions() {
    let world = World::new().await;
    let (head, made) = world.post(Version::V1, &ada()).await;
    assert_eq!(head.status(), StatusCode::CREATED);
    let expected = json!({ "id": 1, "firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com" });
    assert_eq!(made, expected);

    let (head, v1) = world.get(Version::V1, SIGNUPS).await;
    assert_eq!(
        (head.headers()[VERSION].as_bytes(), head.headers()[INSTANCE].as_bytes()),
        (&b"v1"[..], &b"api-7"[..])
    );
    assert_eq!(v1, json!({ "signups": [expected] }));

    let (head, v2) = world.get(Version::V2, SIGNUPS).await;
    assert_eq!(head.headers()[VERSION], "v2");
    assert_eq!((&v2["total"], &v2["signups"][0]["displayName"]), (&json!(1), &json!("Ada Lovelace")));
}

#[tokio::test]
async fn the_list_never_grows_beyond_a_page() {
    let world = World::new().await;
    for n in 0..PAGE + 5 {
        let draft = Draft { firstname: format!("F{n}"), lastname: "L".into(), email: "a@b.de".into() };
        world.store.insert(draft).await.unwrap();
    }
    let (_, list) = world.get(Version::V2, SIGNUPS).await;
    assert_eq!(list["signups"].as_array().unwrap().len(), PAGE as usize);
    assert_eq!(
        (&list["total"], &list["signups"][0]["firstname"]),
        (&json!(PAGE + 5), &json!(format!("F{}", PAGE + 4)))
    );
}

#[tokio::test]
async fn refusals_are_json_and_say_what_is_wrong() {
    let world = World::new().await;
    let (head, body) = world.post(Version::V1, &json!({ "firstname": "Ada", "email": "no" })).await;
    assert_eq!(head.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let fields: Vec<_> =
        body["error"]["fields"].as_array().unwrap().iter().map(|f| f["field"].clone()).collect();
    assert_eq!(fields, ["lastname", "email"]);

    let (head, body) = world.ask(Version::V1, Method::POST, SIGNUPS, "{oops").await;
    assert_eq!((head.status(), &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("unreadable")));

    let long = json!({ "firstname": "x".repeat(BODY_MAX) });
    let (head, body) = world.post(Version::V1, &long).await;
    assert_eq!(
        (head.status(), &body["error"]["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("unreadable"))
    );

    let (head, body) = world.get(Version::V1, "/nothing").await;
    assert_eq!((head.status(), &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    assert_eq!(head.headers()[VERSION], "v1");

    let (head, body) = world.ask(Version::V1, Method::DELETE, SIGNUPS, "").await;
    assert_eq!(
        (head.status(), &body["error"]["code"]),
        (StatusCode::METHOD_NOT_ALLOWED, &json!("method_not_allowed"))
    );
    assert_eq!(world.store.count().await.unwrap(), 0);
}

#[tokio::test]
async fn health_asks_the_database() {
    let world = World::new().await;
    assert_eq!(world.get(Version::V1, "/healthz").await.0.status(), StatusCode::OK);
    world.store.close().await;
    let (head, body) = world.get(Version::V1, "/healthz").await;
    assert_eq!((head.status(), &body["error"]["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("store")));
}
