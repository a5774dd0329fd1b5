//! The pages as people see them: drawn by Chromium, through the gateway.
//!
//! Skipped, and said so, where Debian's `chromium` is not installed.

use std::path::Path;

use tokio::process::Command;
use tokio::time::timeout;

use crate::process::DEADLINE;
use crate::run::Run;

/// The document that Chromium makes of a page once it is drawn; `None` where there is no Chromium.
async fn drawn(url: &str, picture: &Path) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server"])
        // It may talk to us alone.
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--window-size=1000,800"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--screenshot={}", picture.display()))
        .args(["--dump-dom", url])
        .kill_on_drop(true)
        .output();
    match timeout(DEADLINE, output).await.expect("Chromium ends") {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert!(
                std::env::var_os("MESH_TEST_ALL").is_none(),
                "MESH_TEST_ALL is set and there is no Chromium"
            );
            eprintln!("SKIPPED: there is no Chromium");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_browser_draws_the_pages_through_the_gateway() {
    let run = Run::start(&["--rate", "0"]).await;
    let folder = tempfile::tempdir().unwrap();
    for (path, shown) in [("/", "Join FitCycle"), ("/signups", "Members")] {
        let picture = folder.path().join("page.png");
        let Some(document) = drawn(&format!("{}{path}", run.gateway), &picture).await else { return };
        assert!(document.contains(shown), "{path}: {document}");
        let picture = std::fs::read(picture).unwrap();
        // An empty page of this size is some 5 KB.
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "{path}: {} bytes", picture.len());
    }
}
