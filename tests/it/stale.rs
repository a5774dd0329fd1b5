//! Connections that the server closes while they are idle, over real sockets: the kernel decides whether the close or
//! the request comes first (RT-20).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mesh_core::api::Documents;
use mesh_tests::config::entry;
use mesh_tower::{Body, Client, Mesh};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

const REQUESTS: usize = 100_000;
const WORKERS: usize = 16;

/// The time that the server keeps an idle connection: a quarter of it is longer than any delay of a busy machine.
const KEEP_ALIVE: Duration = Duration::from_millis(500);

/// The number of the request, so that a second arrival is seen.
const ID: &str = "x-id";

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    closed: Arc<Notify>,
    arrivals: Arc<Vec<AtomicU8>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections: Arc<AtomicUsize> = Arc::default();
        let arrivals: Arc<Vec<AtomicU8>> = Arc::new((0..REQUESTS).map(|_| AtomicU8::new(0)).collect());
        let closed: Arc<Notify> = Arc::default();
        let (count, seen, closes) = (connections.clone(), arrivals.clone(), closed.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (seen, closes) = (seen.clone(), closes.clone());
                tokio::spawn(async move {
                    serve(stream, seen).await;
                    closes.notify_one();
                });
            }
        });
        Self { address, connections, closed, arrivals }
    }
}

/// Serves until no request has come for the keep-alive time, and then closes without a reply.
async fn serve(stream: TcpStream, arrivals: Arc<Vec<AtomicU8>>) {
    let active = Arc::new(Notify::new());
    let notify = active.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        notify.notify_one();
        let arrivals = arrivals.clone();
        async move {
            let id: usize = request.headers()[ID].to_str().unwrap().parse().unwrap();
            arrivals[id].fetch_add(1, Ordering::Relaxed);
            request.into_body().collect().await?;
            Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from_static(b"fine"))))
        }
    });
    stream.set_nodelay(true).unwrap();
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let idle = async { while timeout(KEEP_ALIVE, active.notified()).await.is_ok() {} };
    tokio::select! {
        // A request that has arrived is served, even if it was read too late.
        biased;
        _ = connection => {}
        () = idle => {}
    }
}

/// One of the callers; returns the requests that failed, with their errors.
async fn call(client: Client, worker: usize) -> Vec<String> {
    let mut failed = Vec::new();
    // Each worker pauses for about the server's keep-alive time, each at a time of its own.
    let rest = KEEP_ALIVE - Duration::from_millis(8) + Duration::from_millis(worker as u64);
    for (round, id) in (worker..REQUESTS).step_by(WORKERS).enumerate() {
        if round % 1_000 == 998 {
            let mut pace = interval(rest);
            pace.tick().await;
            pace.tick().await;
        }
        let method = ["GET", "PUT", "POST"][round % 3];
        let request = Request::builder().method(method).uri("http://api.test/").header(ID, id);
        let answer = client.request(request.body(Body::from("x")).unwrap()).await;
        match answer {
            Ok(answer) => {
                assert_eq!(answer.status(), 200);
                answer.into_body().collect().await.unwrap();
            }
            Err(error) => failed.push(format!("{method} in round {round}: {error:?}")),
        }
    }
    failed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt_20_a_server_that_closes_idle_connections_costs_nothing_over_sockets() {
    let server = Server::start().await;
    let (documents, findings) =
        Documents::parse([("api.yaml", entry("api.test", "HTTP", 80, &[server.address]))]);
    assert!(!findings.has_errors(), "{findings}");
    let mesh = Mesh::from_documents(documents).start().await.unwrap();
    let client = mesh.client();
    // No mesh knows that a server closes idle connections until it has closed one.
    for id in 0..2 {
        let request = Request::get("http://api.test/").header(ID, id).body(Body::empty()).unwrap();
        let answer = client.request(request).await.unwrap();
        answer.into_body().collect().await.unwrap();
        server.closed.notified().await;
    }
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(call(client.clone(), worker));
    }
    let failed = workers.join_all().await.concat();
    assert!(failed.len() <= 1, "{failed:#?}");
    assert!(failed.iter().all(|failed| failed.starts_with("POST")), "{failed:?}");
    let twice = (0..REQUESTS)
        .filter(|id| (id / WORKERS) % 3 == 2 && server.arrivals[*id].load(Ordering::Relaxed) > 1);
    assert_eq!(twice.count(), 0, "POSTs that came twice");
    let connections = server.connections.load(Ordering::Relaxed);
    assert!(connections > 2 * WORKERS, "{connections} connections: too few were closed to show anything");
    assert!(connections * 10 <= REQUESTS, "{connections} connections for {REQUESTS} requests");
}
