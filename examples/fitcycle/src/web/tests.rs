use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;

use super::*;
use crate::api::{self, Version};
use crate::front::SERVED_BY;
use crate::store::{Location, Store};
use crate::upstream::{self, API, ApiClient, INSTANCE, VERSION};

struct World {
    _folder: tempfile::TempDir,
    store: Store,
    web: Router,
}

impl World {
    async fn new(version: Version) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Sqlite(folder.path().join("p.db"))).await.unwrap();
        let upstream = upstream::test::router(api::router(store.clone(), version, "api-1"));
        Self { _folder: folder, store, web: router(Front::new(ApiClient::new(upstream, API), "web-1")) }
    }

    async fn get(&self, path: &str) -> (Response, String) {
        ask(&self.web, Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, form: &str) -> (Response, String) {
        ask(&self.web, form_request(form)).await
    }
}

fn form_request(form: &str) -> Request<Body> {
    let form = form.to_owned();
    Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap()
}

async fn ask(web: &Router, request: Request<Body>) -> (Response, String) {
    let (head, body) = web.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (Response::from_parts(head, Body::empty()), String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_sign_up_leads_to_the_list_and_is_greeted() {
    let world = World::new(Version::V2).await;
    let (sent, _) = world.post("firstname=Ada&lastname=Lovelace&email=ada%40example.com").await;
    assert_eq!(
        (sent.status(), &sent.headers()["location"]),
        (StatusCode::SEE_OTHER, &"/signups?new=1".parse().unwrap())
    );

    let (_, page) = world.get("/signups?new=1").await;
    for part in ["Welcome aboard, Ada!", "Ada Lovelace", "ada@example.com", "newest of <strong>1</strong>"] {
        assert!(page.contains(part), "{part:?} is missing");
    }
}

#[tokio::test]
async fn pages_and_headers_show_who_answered() {
    let world = World::new(Version::V2).await;
    for path in ["/", "/signups"] {
        let (head, page) = world.get(path).await;
        assert_eq!(head.status(), StatusCode::OK);
        let header = |name: &str| head.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header(VERSION), header(INSTANCE), header(SERVED_BY.as_str())),
            ("v2".into(), "api-1".into(), "web-1".into())
        );
        assert!(
            page.contains("<span class=\"badge v2\">v2</span> <code>api-1</code>")
                && page.contains("<code>web-1</code>")
        );
    }
}

#[tokio::test]
async fn markup_in_a_name_is_shown_as_text_everywhere() {
    let world = World::new(Version::V1).await;
    let evil = Draft {
        firstname: "<script>alert(1)</script>".into(),
        lastname: "\"'&".into(),
        email: "a@b.de".into(),
    };
    world.store.insert(evil).await.unwrap();
    for path in ["/", "/signups?new=1"] {
        let (_, page) = world.get(path).await;
        assert!(!page.contains("<script"), "{path} lets markup through");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &quot;&#39;&amp;"));
    }
    let (_, page) = world.post("firstname=%22%3E%3Cscript%3E&lastname=x&email=no").await;
    assert!(!page.contains("<script") && page.contains("value=\"&quot;&gt;&lt;script&gt;\""));
}

#[tokio::test]
async fn a_refused_form_comes_back_filled_with_its_errors() {
    let world = World::new(Version::V1).await;
    let (head, page) = world.post("firstname=Ada&lastname=&email=nobody").await;
    assert_eq!(head.status(), StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["value=\"Ada\"", "Last name is required.", "E-mail must look like name@example.com."] {
        assert!(page.contains(part), "{part:?} is missing");
    }
    assert_eq!(world.store.count().await.unwrap(), 0);
}

#[tokio::test]
async fn without_an_api_the_pages_stand_but_do_not_claim_success() {
    let web = router(Front::new(ApiClient::new(upstream::test::unreachable(), API), "web-1"));
    for path in ["/", "/signups"] {
        let (head, page) = ask(&web, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(page.contains("cannot be shown right now") && page.contains("no api-server"));
    }
    let (head, page) = ask(&web, form_request("firstname=Ada&lastname=L&email=a%40b.de")).await;
    assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.contains("You are not signed up yet") && page.contains("value=\"Ada\""));
}

#[tokio::test]
async fn an_unknown_page_is_a_page_too() {
    let world = World::new(Version::V1).await;
    let (head, page) = world.get("/nowhere").await;
    assert_eq!(head.status(), StatusCode::NOT_FOUND);
    assert!(page.contains("There is no such page"));
}
