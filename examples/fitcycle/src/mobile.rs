//! mobile-server: short answers for phones.
//!
//! `GET /mobile` gives the newest members by name, small enough for a bad connection; the e-mail addresses stay behind.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use crate::front::Front;

/// How many members fit on a screen.
const SCREEN: usize = 10;

/// The whole service.
pub(crate) fn router(front: Front) -> Router {
    Router::new().route("/mobile", get(members)).route("/healthz", get(async || "ok\n")).with_state(front)
}

async fn members(State(front): State<Front>) -> Response {
    front
        .json(|list, by| {
            let screen = list.signups.iter().take(SCREEN);
            let members: Vec<_> = screen.map(|s| json!({ "id": s.id, "name": s.display_name() })).collect();
            json!({ "members": members, "total": list.total, "api": by, "servedBy": front.instance })
        })
        .await
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{HeaderValue, Request, StatusCode};
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::api::{self, Version};
    use crate::model::Draft;
    use crate::store::{Location, Store};
    use crate::upstream::{self, API, ApiClient, Upstream, VERSION};

    async fn ask(upstream: Upstream) -> (StatusCode, Option<HeaderValue>, Value) {
        let router = router(Front::new(ApiClient::new(upstream, API), "mobile-1"));
        let response = router.oneshot(Request::get("/mobile").body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (head.status, head.headers.get(VERSION).cloned(), serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_phone_gets_one_screen_of_names_without_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Sqlite(folder.path().join("p.db"))).await.unwrap();
        for n in 0..SCREEN + 3 {
            let draft = Draft { firstname: format!("F{n}"), lastname: "L".into(), email: "a@b.de".into() };
            store.insert(draft).await.unwrap();
        }
        let upstream = upstream::test::router(api::router(store, Version::V2, "api-1"));
        let (status, version, body) = ask(upstream).await;
        assert_eq!((status, version.unwrap()), (StatusCode::OK, HeaderValue::from_static("v2")));
        assert_eq!((body["members"].as_array().unwrap().len(), &body["total"]), (SCREEN, &json!(SCREEN + 3)));
        assert_eq!(body["members"][0], json!({ "id": SCREEN + 3, "name": format!("F{} L", SCREEN + 2) }));
        assert_eq!(body["api"], json!({ "version": "v2", "instance": "api-1" }));
        assert!(!body.to_string().contains("a@b.de"));
    }

    #[tokio::test]
    async fn without_an_api_the_answer_is_an_error() {
        let (status, _, body) = ask(upstream::test::unreachable()).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
        );
    }
}
