//! The services as processes, without a mesh between them.

use std::process::Command;

use serde_json::{Value, json};

use crate::process::{Process, client};

struct World {
    _folder: tempfile::TempDir,
    api: Process,
}

impl World {
    async fn start(version: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("p.db");
        let api =
            Process::start(&["api-server", "--version", version, "--database", database.to_str().unwrap()])
                .await;
        Self { _folder: folder, api }
    }

    async fn front(&self, service: &str) -> Process {
        Process::start(&[service, "--api", &self.api.url(""), "--instance", "front-1"]).await
    }
}

#[tokio::test]
async fn a_sign_up_on_the_page_is_seen_by_every_service() {
    let world = World::start("v2").await;
    let (web, mobile, report) = (
        world.front("web-server").await,
        world.front("mobile-server").await,
        world.front("report-server").await,
    );
    let client = client();

    let form = "firstname=Ada&lastname=Lovelace&email=ada%40example.com";
    let post =
        client.post(web.url("/")).header("content-type", "application/x-www-form-urlencoded").body(form);
    let sent = post.send().await.unwrap();
    assert_eq!(
        (sent.status().as_u16(), sent.headers()["location"].to_str().unwrap()),
        (303, "/signups?new=1")
    );
    let page = client.get(web.url("/signups?new=1")).send().await.unwrap();
    assert_eq!(page.headers()["x-fitcycle-version"], "v2");
    assert!(page.text().await.unwrap().contains("Welcome aboard, Ada!"));

    let phone: Value = client.get(mobile.url("/mobile")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&phone["members"][0]["name"], &phone["total"]), (&json!("Ada Lovelace"), &json!(1)));
    let domains: Value = client.get(report.url("/report")).send().await.unwrap().json().await.unwrap();
    assert_eq!(domains["domains"], json!({ "example.com": 1 }));

    for process in [web, mobile, report, world.api] {
        assert!(process.stop().await.success());
    }
}

#[tokio::test]
async fn a_killed_api_server_is_an_error_page_and_not_a_hang() {
    let mut world = World::start("v1").await;
    let web = world.front("web-server").await;
    let kill = Command::new("sh").args(["-c", &format!("kill -KILL {}", world.api.id())]).status().unwrap();
    assert!(kill.success());
    assert!(!world.api.wait().await.success());
    let page = client().get(web.url("/signups")).send().await.unwrap();
    assert_eq!(page.status().as_u16(), 503);
    assert!(web.stop().await.success());
}

#[tokio::test]
async fn sigterm_ends_a_service_with_success() {
    let mut world = World::start("v1").await;
    let term = Command::new("sh").args(["-c", &format!("kill -TERM {}", world.api.id())]).status().unwrap();
    assert!(term.success());
    assert!(world.api.wait().await.success());
}
