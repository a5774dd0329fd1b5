//! The library over real sockets, where the kernel has its say: endpoints that die and return (wish 5),
//! and reloads under load (wish 8).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use mesh_core::api::Documents;
use mesh_tests::backend::Backend;
use mesh_tests::config::{destination_rule, entry, virtual_service};
use mesh_tower::{Body, Client, Mesh};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const HOST: &str = "api.test";
const URI: &str = "http://api.test/";
const DEADLINE: Duration = Duration::from_secs(30);

fn documents(yaml: &str) -> Documents {
    let (documents, findings) = Documents::parse([("test.yaml", yaml)]);
    assert!(!findings.has_errors(), "{findings}");
    documents
}

async fn mesh(yaml: &str) -> Mesh {
    Mesh::from_documents(documents(yaml)).strict(true).start().await.unwrap()
}

/// Requests without end from so many tasks, until told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
}

impl Load {
    fn start(client: &Client, tasks: usize, method: &'static str) -> Self {
        let (stop, sent, failed) = (Arc::default(), Arc::default(), Arc::default());
        let mut load = Self { stop, sent, failed, tasks: JoinSet::new() };
        for _ in 0..tasks {
            let (client, stop) = (client.clone(), load.stop.clone());
            let (sent, failed) = (load.sent.clone(), load.failed.clone());
            load.tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let request = Request::builder().method(method).uri(URI).body(Body::from("x")).unwrap();
                    let good = match client.request(request).await {
                        Ok(answer) => answer.status() == 200 && answer.into_body().collect().await.is_ok(),
                        Err(_) => false,
                    };
                    sent.fetch_add(1, Ordering::Relaxed);
                    failed.fetch_add(usize::from(!good), Ordering::Relaxed);
                }
            });
        }
        load
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until so many more have been answered.
    async fn more(&self, count: usize) {
        let until = self.sent() + count;
        let mut turn = tokio::time::interval(Duration::from_millis(1));
        let wait = async {
            while self.sent() < until {
                // No turn is taken from who answers.
                turn.tick().await;
            }
        };
        timeout(DEADLINE, wait).await.expect("requests are answered");
    }

    /// How many failed.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        self.failed.load(Ordering::Relaxed)
    }
}

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A socket at an address that others of ours may hold too: while one does, nobody else gets it.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wish_5_an_endpoint_that_is_killed_costs_no_get_and_comes_back() {
    const POSTS: usize = 4;
    for protocol in ["HTTP", "HTTP2"] {
        let held: Vec<TcpSocket> = (0..3).map(|_| socket(LOOPBACK)).collect();
        let serve = |held: &TcpSocket| {
            let listener = socket(held.local_addr().unwrap()).listen(1024).unwrap();
            Backend::on(listener, |_| async { Response::new(Body::from("fine")) })
        };
        let mut backends: Vec<Backend> = held.iter().map(serve).collect();
        let addresses: Vec<SocketAddr> = backends.iter().map(Backend::address).collect();
        let mesh = mesh(&entry(HOST, protocol, 80, &addresses)).await;
        let client = mesh.client();
        let (gets, posts) = (Load::start(&client, 12, "GET"), Load::start(&client, POSTS, "POST"));
        gets.more(300).await;
        let killed = backends.remove(0);
        assert!(killed.served() > 0);
        killed.kill().await;
        gets.more(600).await;
        let back = serve(&held[0]);
        let begin = Instant::now();
        let share = async {
            loop {
                // When it has its share, not how long it took to see that.
                let (since, served, sent) = (begin.elapsed(), back.served(), gets.sent());
                gets.more(300).await;
                if 4 * (back.served() - served) >= gets.sent() - sent {
                    return since;
                }
            }
        };
        let since = timeout(DEADLINE, share).await.expect("it gets its share again");
        assert!(since < Duration::from_secs(5), "{protocol}: {since:?}");
        assert_eq!(gets.end().await, 0, "{protocol}: failed GETs");
        let failed = posts.end().await;
        assert!(failed <= POSTS, "{protocol}: {failed} failed POSTs, more than were in flight");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wish_8_five_hundred_reloads_under_load_fail_nothing() {
    let (one, two) = (Backend::text("one").await, Backend::text("two").await);
    let yaml = |round: usize| {
        // Every round another subset comes, and the one before goes; weights and timeouts change too.
        let subset = format!("v{}", round % 7);
        let weight = round % 100;
        entry(HOST, "HTTP", 80, &[one.address(), two.address()])
            + &destination_rule(HOST, &format!("  subsets: [{{name: {subset}, labels: {{}}}}]"))
            + &virtual_service(
                HOST,
                &format!(
                    "  - timeout: {}s
    route:
    - {{destination: {{host: {HOST}, subset: {subset}}}, weight: {weight}}}
    - {{destination: {{host: {HOST}}}, weight: {}}}",
                    10 + round % 5,
                    100 - weight
                ),
            )
    };
    let mesh = mesh(&yaml(0)).await;
    let client = mesh.client();
    let (gets, posts) = (Load::start(&client, 8, "GET"), Load::start(&client, 8, "POST"));
    for round in 1..=500 {
        assert!(mesh.apply(documents(&yaml(round))), "{:?}", mesh.status());
        gets.more(4).await;
    }
    assert_eq!(mesh.plan().generation, 501);
    assert!(mesh.status().stale_hosts.is_empty());
    assert_eq!((gets.end().await, posts.end().await), (0, 0));
}
