//! A mesh in process, a sidecar and a gateway of one configuration, before the same endpoints.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Request};
use mesh_core::api::Documents;
use mesh_core::telemetry::access_log::Format;
use mesh_tests::backend::{Backend, Unheard};
use mesh_tests::dns::NameServer;
use mesh_tests::headers::PASSING;
use mesh_tests::proxy::{DEADLINE, Proxy};
use mesh_tower::telemetry::{AccessLog, Lines};
use mesh_tower::test::Answer;
use mesh_tower::upstream::discover::Resolver;
use mesh_tower::{Body, Client, Mesh};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config::{LOG, yaml};
use crate::blackbox::{GATEWAY, PROXY, send};

/// The proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Sidecar,
    Gateway,
}

/// The outcome of a request.
#[derive(Debug)]
pub(super) struct Seen {
    /// Status, compared headers, body.
    pub(super) wire: (u16, BTreeMap<String, String>, Vec<u8>),
    pub(super) log: String,
}

/// The whole world, until dropped.
pub(super) struct World {
    client: Client,
    lines: Lines,
    sidecar: (Proxy, UnboundedReceiver<String>),
    gateway: (Proxy, UnboundedReceiver<String>),
    leaving: Backend,
    _mesh: Mesh,
    _backends: Vec<Backend>,
    _refused: Unheard,
    _names: NameServer,
    hanging: Vec<JoinHandle<()>>,
}

impl World {
    pub(super) async fn start() -> Self {
        let names = NameServer::start().await;
        let hang = async || Backend::start(|_| std::future::pending()).await;
        let (fine, silent, full) = (Backend::text("fine").await, hang().await, hang().await);
        let (leaving, refused) = (hang().await, Unheard::new());
        let yaml = yaml(&fine, &silent, &full, &leaving, &refused).await;
        let (documents, findings) = Documents::parse([("test.yaml", &yaml)]);
        assert!(!findings.has_errors(), "{findings}");
        let (log, lines) = AccessLog::in_memory(Format::text(&format!("{LOG}\n")).unwrap());
        let mesh = Mesh::from_documents(documents)
            .access_log(log)
            .resolver(Arc::new(Resolver::name_servers([names.address()])));
        let mesh = mesh.start().await.unwrap();
        let start = async |args: &str| {
            let mut proxy =
                Proxy::start(PROXY, &yaml, &format!("{args} --name-server {}", names.address())).await;
            let output = proxy.take_output();
            (proxy, output)
        };
        let mut world = Self {
            client: mesh.client(),
            lines,
            sidecar: start("--role sidecar --no-inbound --workload web --outbound 127.0.0.1:0").await,
            gateway: start(GATEWAY).await,
            leaving,
            _mesh: mesh,
            _backends: vec![fine, silent],
            _refused: refused,
            _names: names,
            hanging: Vec::new(),
        };
        world.fill(full).await;
        world
    }

    /// Sends one request to each host that is never answered, so that the next request is over the limit.
    async fn fill(&mut self, full: Backend) {
        let call = || Request::get("/").header("host", "overflow.test").body(Body::empty()).unwrap();
        let (client, request) = (self.client.clone(), call());
        self.hanging.push(tokio::spawn(async move { drop(client.request(request).await) }));
        for place in [Place::Sidecar, Place::Gateway] {
            let (address, request) = (self.address(place), call());
            self.hanging.push(tokio::spawn(async move { drop(send(address, request).await) }));
        }
        until(&full, 3).await;
        self._backends.push(full);
    }

    fn address(&self, place: Place) -> SocketAddr {
        match place {
            Place::Sidecar => self.sidecar.0.address("outbound|15001"),
            Place::Gateway => self.gateway.0.address("gateway|80"),
        }
    }

    pub(super) async fn library(&self, request: Request<Body>, grpc: bool) -> Seen {
        let answer = match self.client.request(request).await {
            Ok(response) => Answer::read(response, None).await,
            Err(error) => Answer::read(error.response(grpc), Some(error)).await,
        };
        let log = self.lines.take().pop().expect("it is written at once");
        if let Some(error) = &answer.error {
            // The error states the same as the log.
            let reply = error.reply();
            assert!(
                log.contains(&format!(" {} {} ", reply.flags, reply.details)) || log.contains(" DI,"),
                "{log}"
            );
        }
        Seen { wire: wire(answer.status().as_u16(), &answer.head.headers, &answer.body), log }
    }

    pub(super) async fn proxy(&mut self, place: Place, request: Request<Body>) -> Seen {
        let step = step(&request);
        let answer = timeout(DEADLINE, send(self.address(place), request)).await;
        let (head, body) = answer.expect("an answer in time");
        Seen { wire: wire(head.status.as_u16(), &head.headers, &body), log: self.logged(place, &step).await }
    }

    /// The log of a call that the caller gives up once the endpoint has it.
    pub(super) async fn library_left(&self, request: Request<Body>) -> String {
        let (client, before) = (self.client.clone(), self.leaving.served());
        let call = tokio::spawn(async move { drop(client.request(request).await) });
        until(&self.leaving, before + 1).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        self.lines.take().pop().expect("it is written at once")
    }

    pub(super) async fn proxy_left(&mut self, place: Place, request: Request<Body>) -> String {
        let (address, before, step) = (self.address(place), self.leaving.served(), step(&request));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let host = request.headers()["host"].to_str().unwrap();
        let head = format!("GET / HTTP/1.1\r\nhost: {host}\r\nx-step: {step}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        until(&self.leaving, before + 1).await;
        drop(stream);
        self.logged(place, &step).await
    }

    async fn logged(&mut self, place: Place, step: &str) -> String {
        let output = match place {
            Place::Sidecar => &mut self.sidecar.1,
            Place::Gateway => &mut self.gateway.1,
        };
        let found = async {
            loop {
                let line = output.recv().await.expect("the proxy runs");
                if line.split(' ').next() == Some(step) {
                    return line;
                }
            }
        };
        timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("no line of {step}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.hanging.iter().for_each(JoinHandle::abort);
    }
}

fn step(request: &Request<Body>) -> String {
    request.headers()["x-step"].to_str().unwrap().to_owned()
}

async fn until(backend: &Backend, served: usize) {
    let enough = async {
        while backend.served() < served {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, enough).await.expect("requests come in time");
}

fn wire(status: u16, headers: &HeaderMap, body: &[u8]) -> (u16, BTreeMap<String, String>, Vec<u8>) {
    // The proxy adds its server name (HD-3), and its server adds date and framing.
    let skipped = |name: &str| name == "server" || PASSING.contains(&name);
    let framing =
        |name: &str, value: &http::HeaderValue| name == "content-length" && *value == body.len().to_string();
    let headers =
        headers.iter().filter(|(name, value)| !skipped(name.as_str()) && !framing(name.as_str(), value));
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    (status, headers.map(|(name, value)| (name.to_string(), text(value))).collect(), body.to_vec())
}
