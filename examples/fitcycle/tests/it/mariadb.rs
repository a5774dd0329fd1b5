//! The same API over a real MariaDB, started here on a free port with a data folder of its own.
//!
//! Skipped, and said so, where Debian's `mariadb-server` (or another that brings `mariadbd` and
//! `mariadb-install-db`) is not installed.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::process::{DEADLINE, Process, client};

struct Server {
    _folder: tempfile::TempDir,
    child: Child,
    port: u16,
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/libexec".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

impl Server {
    /// `None` where MariaDB is not installed.
    async fn start() -> Option<Self> {
        let (install, serve) = (program("mariadb-install-db")?, program("mariadbd")?);
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let made = Command::new(install)
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(user())
            .arg(format!("--datadir={}", data.display()))
            .stdout(Stdio::null())
            .status();
        assert!(timeout(DEADLINE, made).await.unwrap().unwrap().success(), "mariadb-install-db failed");
        // The port may be taken between the look and the start; then the server says so, and another is looked for.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(child) = Self::listen(&serve, folder.path(), &data, port).await {
                return Some(Self { _folder: folder, child, port });
            }
        }
        panic!("mariadbd did not start on any of five free ports");
    }

    async fn listen(serve: &Path, folder: &Path, data: &Path, port: u16) -> Option<Child> {
        let mut child = Command::new(serve)
            .arg("--no-defaults")
            .args(user())
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", folder.join("s").display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .args(["--bind-address=127.0.0.1", "--skip-log-bin", "--innodb-buffer-pool-size=16M"])
            .arg(format!("--port={port}"))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        while let Some(line) = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap() {
            if line.contains("ready for connections") {
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Some(child);
            }
        }
        None
    }

    fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}", self.port)
    }
}

/// The server refuses to run as root without this option.
fn user() -> Option<&'static str> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t")).then_some("--user=root")
}

#[tokio::test]
async fn four_instances_share_one_real_database() {
    let Some(mut server) = Server::start().await else {
        assert!(std::env::var_os("MESH_TEST_ALL").is_none(), "MESH_TEST_ALL is set and there is no MariaDB");
        let mut err = std::io::stderr().lock();
        writeln!(
            err,
            "SKIPPED: mariadbd is not installed (apt-get install mariadb-server); nothing was tested"
        )
        .unwrap();
        return;
    };
    let url = server.url();
    let start = |version| {
        let url = url.clone();
        async move { Process::start(&["api-server", "--version", version, "--database", &url]).await }
    };
    // All at once and with no database there: each must find it or make it.
    let (a, b, c, d) = tokio::join!(start("v1"), start("v1"), start("v2"), start("v2"));
    let (client, path) = (client(), "/api/v1.0/signups");

    let odd =
        json!({ "firstname": "Robert'); DROP TABLE x;--", "lastname": "Ünï 🚲", "email": "bob@example.com" });
    for (n, api) in [&a, &b, &c, &d].into_iter().enumerate() {
        let made = client.post(api.url(path)).json(&odd).send().await.unwrap();
        assert_eq!(made.status().as_u16(), 201);
        let made: Value = made.json().await.unwrap();
        assert_eq!((&made["id"], &made["lastname"]), (&json!(n + 1), &json!("Ünï 🚲")));
    }
    for api in [&a, &b, &c, &d] {
        let list: Value = client.get(api.url(path)).send().await.unwrap().json().await.unwrap();
        let ids: Vec<_> = list["signups"].as_array().unwrap().iter().map(|s| s["id"].clone()).collect();
        assert_eq!(ids, [json!(4), json!(3), json!(2), json!(1)]);
        assert_eq!(list["signups"][0]["firstname"], odd["firstname"]);
    }
    let listed: Value = client.get(d.url(path)).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&listed["total"], &listed["signups"][0]["displayName"]),
        (&json!(4), &json!("Robert'); DROP TABLE x;-- Ünï 🚲"))
    );

    for process in [a, b, c, d] {
        assert!(process.stop().await.success());
    }
    server.child.kill().await.unwrap();
}
