//! A proxy in this process, services behind it, and a client that shows every byte.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use mesh_proxy::{Bind, Proxy, Settings, Shutdown};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes on a slow machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A running proxy and the folder it reads.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) addresses: Vec<(String, SocketAddr)>,
    pub(crate) shutdown: Shutdown,
    pub(crate) mesh: mesh_tower::Mesh,
    pub(crate) serving: JoinHandle<anyhow::Result<()>>,
}

/// Settings for a folder that holds `yaml`: everything on the loopback, free ports, no waiting.
pub(crate) fn settings(yaml: &str) -> (TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mesh.yaml"), yaml).unwrap();
    let settings = Settings::new(folder.path())
        .admin(Some("127.0.0.1:0".parse().unwrap()))
        .workers(NonZeroUsize::new(2).unwrap())
        .termination_drain(Duration::ZERO);
    (folder, settings)
}

impl World {
    /// A gateway whose port 80 is served at a free one.
    pub(crate) async fn gateway(yaml: &str) -> Self {
        let (folder, settings) = settings(yaml);
        Self::start(folder, settings.bind(bind("80=127.0.0.1:0"))).await
    }

    pub(crate) async fn start(folder: TempDir, settings: Settings) -> Self {
        let shutdown = Shutdown::default();
        let proxy = Proxy::start(settings, &shutdown).await.unwrap();
        let (addresses, mesh) = (proxy.addresses(), proxy.mesh().clone());
        let serving = tokio::spawn(proxy.serve(shutdown.clone()));
        Self { folder, addresses, shutdown, mesh, serving }
    }

    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        let found = self.addresses.iter().find(|(name, _)| name == listener);
        found.unwrap_or_else(|| panic!("no {listener} in {:?}", self.addresses)).1
    }

    /// A page of the admin endpoint, head and body.
    pub(crate) async fn admin(&self, path: &str) -> String {
        get(self.address("admin"), path).await
    }

    /// Waits for an admin page that holds `text`.
    pub(crate) async fn until(&self, path: &str, text: &str) -> String {
        let found = async {
            loop {
                let page = self.admin(path).await;
                if page.contains(text) {
                    return page;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("{path} never said {text}"))
    }

    /// Drains, and gives how it ended.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.drain();
        timeout(DEADLINE, self.serving).await.expect("it drains").expect("it does not panic")
    }
}

pub(crate) fn bind(text: &str) -> Bind {
    text.parse().unwrap()
}

/// A Gateway for all hosts on port 80, and a route to `host` on `port` for all of them.
pub(crate) fn gateway_to(backend: SocketAddr) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: backend}}
spec:
  hosts: [backend.test]
  ports: [{{number: 8080, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: {ip}, ports: {{http: {port}}}}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge}}
spec:
  servers:
  - port: {{number: 80, name: http, protocol: HTTP}}
    hosts: ['*']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: all}}
spec:
  hosts: ['*']
  gateways: [edge]
  http:
  - route: [{{destination: {{host: backend.test, port: {{number: 8080}}}}}}]
",
        ip = backend.ip(),
        port = backend.port(),
    )
}

/// An HTTP/1.1 service that answers each request with its own head, and closes.
pub(crate) async fn echo_heads() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let head = read_head(&mut stream).await;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{head}",
                    head.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

/// Reads up to the empty line that ends a head.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match timeout(DEADLINE, stream.read_u8()).await.expect("a head comes in time") {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Sends `request` and reads until the other side closes.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("it closes").unwrap();
    answer
}

/// GET on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n\r\n")).await
}
