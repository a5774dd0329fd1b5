//! The library over real sockets, with the kernel's timing: endpoints that are killed and return (wish 5), reloads
//! under load (wish 8), a chain of processes with one deadline (wish 17), connections with keepalive (CB-2), and
//! upgrades (VA-14).

mod chain;
mod keepalive;
mod killed;
mod reloads;
mod upgrade;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use mesh_core::api::Documents;
use mesh_tests::proxy::DEADLINE;
use mesh_tower::{Body, Channel, Client, Mesh};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;

/// A service in a process of its own.
const SERVER: &str = env!("CARGO_BIN_EXE_mesh-tests-server");
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const HOST: &str = "api.test";

fn documents(yaml: &str) -> Documents {
    let (documents, findings) = Documents::parse([("test.yaml", yaml)]);
    assert!(!findings.has_errors(), "{findings}");
    documents
}

async fn mesh(yaml: &str) -> Mesh {
    Mesh::from_documents(documents(yaml)).strict(true).start().await.unwrap()
}

/// The caller, by its form.
#[derive(Clone)]
enum Caller {
    Http(Client, &'static str),
    /// A tonic client.
    Grpc(Channel),
}

impl Caller {
    /// Makes one call, which may ask the server to hold it under a name; returns the server's name if it succeeds.
    async fn call(&self, hold: Option<&str>) -> Result<String, String> {
        match self {
            Self::Http(client, method) => {
                let mut request = Request::builder().method(*method).uri(format!("http://{HOST}/"));
                if let Some(hold) = hold {
                    request = request.header("x-hold", hold);
                }
                let answer = client.request(request.body(Body::from("x")).unwrap()).await;
                let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
                body.collect().await.map_err(|error| error.to_string())?;
                let by = head.headers.get("x-by").map_or("", |value| value.to_str().unwrap());
                if head.status == 200 { Ok(by.to_owned()) } else { Err(head.status.to_string()) }
            }
            Self::Grpc(channel) => {
                let mut grpc = Grpc::new(channel.clone());
                grpc.ready().await.unwrap();
                let mut request = tonic::Request::new(());
                if let Some(hold) = hold {
                    request.metadata_mut().insert("x-hold", hold.parse().unwrap());
                }
                let path = "/test.Held/Call".parse().unwrap();
                let answer = grpc.unary(request, path, ProstCodec::<(), ()>::default()).await;
                let answer = answer.map_err(|status| status.to_string())?;
                Ok(answer.metadata().get("x-by").unwrap().to_str().unwrap().to_owned())
            }
        }
    }
}

/// Calls without end from this many tasks, until it is stopped.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<String>>>,
    /// The number of answers of each server.
    answered: Arc<Mutex<BTreeMap<String, usize>>>,
    tasks: JoinSet<()>,
}

impl Load {
    fn start(caller: &Caller, tasks: usize) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            sent: Arc::default(),
            failures: Arc::default(),
            answered: Arc::default(),
            tasks: JoinSet::new(),
        };
        for _ in 0..tasks {
            let (caller, stop, sent) = (caller.clone(), load.stop.clone(), load.sent.clone());
            let (failures, answered) = (load.failures.clone(), load.answered.clone());
            load.tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match caller.call(None).await {
                        Ok(by) => *answered.lock().unwrap().entry(by).or_default() += 1,
                        Err(error) => failures.lock().unwrap().push(error),
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        load
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    fn answered_by(&self, who: &str) -> usize {
        self.answered.lock().unwrap().get(who).copied().unwrap_or_default()
    }

    /// Waits until this many more have been answered.
    async fn more(&self, count: usize) {
        let until = self.sent() + count;
        let mut turn = tokio::time::interval(Duration::from_millis(1));
        let wait = async {
            while self.sent() < until {
                // Waits between the checks, so that the answering tasks get their turns.
                turn.tick().await;
            }
        };
        timeout(DEADLINE, wait).await.expect("requests are answered");
    }

    /// Stops the load; returns the failures.
    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        std::mem::take(&mut *self.failures.lock().unwrap())
    }
}
