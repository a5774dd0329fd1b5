//! The same requests through the built proxy and through the library.

use std::path::Path;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderValue, Request, Response, Version};
use mesh_tests::counters::Counters;
use mesh_tests::headers::TIMES;
use mesh_tests::proxy::{DEADLINE, Page, Proxy};
use mesh_tower::{Body, Error, Mesh};
use tokio::time::{Instant, interval, timeout, timeout_at};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::backends::{Arrival, Backends, RUN};
use super::config::LOG;
use super::record::{End, Record, is_senders, without_folder};
use super::request::{Outgoing, Sent};
use super::sender::Sender;
use super::{Compared, Mode, REQUESTS, Role, gateway, stack_by_hand};

/// The interval between two checks for arrivals.
const TURN: Duration = Duration::from_millis(1);

/// The time that a caller waits before it gives up: far longer than every timeout that expires here, so that it only
/// ends requests without a timeout.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The sender: a Deployment of the configuration.
const WORKLOAD: &str = "default/Deployment/web";

/// What requests are given to in process.
type Client = BoxCloneSyncService<Request<Body>, Response<Body>, Error>;

/// One configuration and its requests.
pub(super) struct Case<'a> {
    pub(super) seed: u64,
    pub(super) mode: Mode,
    pub(super) role: Role,
    /// Whether the caller speaks HTTP/2.
    pub(super) http2: bool,
    pub(super) yaml: String,
    pub(super) requests: Vec<Sent>,
    pub(super) backends: &'a Backends,
}

/// One way to send the requests, and their records.
pub(super) struct Run {
    name: String,
    pub(super) records: Vec<Record>,
    /// The number of requests that had ended before the budget refused a retry.
    pub(super) within_budget: usize,
    is_refused: bool,
    /// The mirrored requests. Copies take longer than their originals, and arrive in any order.
    pub(super) copies: Vec<Arrival>,
}

impl Case<'_> {
    pub(super) async fn through_proxy(&self) -> Run {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("access.log");
        let role = match self.role {
            Role::Sidecar => "sidecar --no-inbound --outbound 127.0.0.1:0".to_owned(),
            Role::Gateway => format!("gateway --bind {}=127.0.0.1:0", gateway::PORT),
        };
        let args = format!("--role {role} --workload {WORKLOAD} --workers 1 --strict --seed {}", self.seed);
        let args = if self.mode == Mode::IstioRuntime { args + " --istio-runtime" } else { args };
        let proxy = Proxy::start(crate::blackbox::PROXY, &with_log(&self.yaml, &log), &args).await;
        let address = match self.role {
            Role::Sidecar => proxy.address("outbound|15001"),
            Role::Gateway => proxy.address(&gateway::listener()),
        };
        let mut page = Page::open(proxy.address("admin")).await;
        let mut sender = None;
        let mut run = self.run("proxy");
        for sent in &self.requests {
            let mut request = run.request(sent, self.http2);
            if !self.http2 {
                let host = request.uri().authority().expect("an absolute target").to_string();
                request.headers_mut().insert(HOST, HeaderValue::try_from(host).expect("a host"));
            }
            let mut usable = match sender.take() {
                Some(sender) => sender,
                None => Sender::connect(address, self.http2).await,
            };
            if !usable.is_ready().await {
                usable = Sender::connect(address, self.http2).await;
            }
            let until = Instant::now() + PATIENCE;
            let record = match timeout_at(until, usable.send(request)).await {
                Ok(response) => {
                    Record::read(response, until, || self.backends.hear(&run.request_name())).await
                }
                Err(_) => Record::unanswered(),
            };
            if record.end == End::Whole || usable.outlives_a_response() {
                sender = Some(usable);
            }
            run.ended(record, &log).await;
            let good = run.records.last().is_some_and(Record::is_good);
            let refused = run.is_refused || !good && has_refusals(&page.get("/stats/prometheus").await.1);
            run.count(refused);
        }
        run.log(&log).await;
        run
    }

    pub(super) async fn through_library(&self) -> Run {
        self.in_process("library", |mesh| match self.role {
            Role::Sidecar => BoxCloneSyncService::new(mesh.client()),
            Role::Gateway => gateway::in_process(mesh),
        })
        .await
    }

    /// Through the stack that the example composes layer by layer.
    pub(super) async fn through_layers(&self) -> Run {
        self.in_process("layers", |mesh| {
            let stack = stack_by_hand::client(mesh).map_response(|response| response.map(Body::new));
            BoxCloneSyncService::new(stack.map_err(Error::from_box))
        })
        .await
    }

    async fn in_process(&self, name: &str, client: impl FnOnce(&Mesh) -> Client) -> Run {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("access.log");
        std::fs::write(folder.path().join("mesh.yaml"), with_log(&self.yaml, &log))
            .expect("the folder is ours");
        let counters = Counters::leak();
        let _installed = counters.install();
        let mesh = Mesh::from_dir(folder.path())
            .workload(WORKLOAD)
            .gateway(self.role == Role::Gateway)
            .strict(true)
            .watch(false)
            .seed(self.seed)
            .istio_runtime(self.mode == Mode::IstioRuntime);
        let mesh = mesh.start().await.expect("a sound mesh");
        let client = client(&mesh);
        let mut run = self.run(name);
        for sent in &self.requests {
            let mut request = run.request(sent, self.http2);
            *request.version_mut() = self.version();
            let grpc = mesh_tower::grpc::is_grpc(request.headers());
            let until = Instant::now() + PATIENCE;
            let answer = timeout_at(until, client.clone().oneshot(request.map(Body::new))).await;
            let record = match answer.map(|answer| answer.unwrap_or_else(|error| error.response(grpc))) {
                Ok(mut response) => {
                    *response.version_mut() = self.version();
                    Record::read(response, until, || self.backends.hear(&run.request_name())).await
                }
                Err(_) => Record::unanswered(),
            };
            run.ended(record, &log).await;
            run.count(counters.sum(OVERFLOW, "limit=budget") > 0);
        }
        run.log(&log).await;
        run
    }

    /// The caller's.
    fn version(&self) -> Version {
        if self.http2 { Version::HTTP_2 } else { Version::HTTP_11 }
    }

    /// Waits until the arrivals of the first `whole` requests of both runs are the same, and, if those are all, the
    /// copies too.
    async fn until_settled(&self, one: &mut Run, other: &mut Run, whole: usize) {
        let same = async {
            let mut turn = interval(TURN);
            loop {
                turn.tick().await;
                one.gather(self.backends);
                other.gather(self.backends);
                let pairs = one.records.iter().zip(&other.records).take(whole);
                let is_same = pairs.into_iter().all(|(one, other)| one.arrivals == other.arrivals);
                if is_same && (whole < REQUESTS || one.copies == other.copies) {
                    return;
                }
            }
        };
        // If they stay different, the comparison reports it.
        let _ = timeout(DEADLINE, same).await;
    }

    /// Asserts that both runs decided alike, as far as the budget of retries is no matter.
    pub(super) async fn compare(self, mut one: Run, mut other: Run) -> Compared {
        assert_eq!((one.records.len(), other.records.len()), (REQUESTS, REQUESTS));
        let whole = one.within_budget.min(other.within_budget);
        self.until_settled(&mut one, &mut other, whole).await;
        let Self { yaml, seed, role, requests, .. } = self;
        for (index, (mine, theirs)) in one.records.iter().zip(&other.records).take(whole).enumerate() {
            let sent = &requests[index];
            assert!(
                mine == theirs,
                "{yaml}\nMESH_SEED={seed}, {role:?}, request {index}: {sent:?}\n{}: {mine:?}\n{}: {theirs:?}",
                one.name,
                other.name
            );
        }
        if whole == REQUESTS {
            assert_eq!(one.copies, other.copies, "{yaml}\nMESH_SEED={seed}: what was mirrored");
        }
        let forwarded = other.records.iter().take(whole).filter(|record| record.is_forwarded());
        Compared { requests: whole, at_gateway: if role == Role::Gateway { forwarded.count() } else { 0 } }
    }

    fn run(&self, by: &str) -> Run {
        Run {
            name: format!("{by} {}", self.seed),
            records: Vec::new(),
            within_budget: 0,
            is_refused: false,
            copies: Vec::new(),
        }
    }
}

impl Run {
    /// The next request.
    fn request(&self, sent: &Sent, http2: bool) -> Request<Outgoing> {
        let mut request = sent.request(http2);
        let name = HeaderValue::try_from(self.request_name()).expect("a word and numbers");
        request.headers_mut().insert(RUN, name);
        request
    }

    /// The name by which backends know it.
    fn request_name(&self) -> String {
        format!("{}/{}", self.name, self.records.len())
    }

    /// A request has ended. If its caller saw no end, this waits until the forwarding side has ended it: the next
    /// request finds no trace of it.
    async fn ended(&mut self, record: Record, log: &Path) {
        let seen = record.end == End::Whole;
        self.records.push(record);
        if !seen {
            self.log(log).await;
        }
    }

    /// Adds the new arrivals to the records.
    fn gather(&mut self, backends: &Backends) {
        for arrival in backends.take(&self.name) {
            let of = arrival.request();
            let arrival = arrival.without_times(&TIMES, is_senders);
            if arrival.is_copy() {
                self.copies.push(arrival);
            } else {
                self.records[of].arrivals.push(arrival);
            }
        }
        Arrival::sort(&mut self.copies);
    }

    /// Counts a request, unless the budget has refused a retry by now.
    fn count(&mut self, refused: bool) {
        self.is_refused |= refused;
        self.within_budget += usize::from(!self.is_refused);
    }

    /// Adds the log's lines, once it has a line for each request that has ended.
    async fn log(&mut self, log: &Path) {
        let records = &mut self.records;
        let complete = async {
            let mut turn = interval(TURN);
            loop {
                turn.tick().await;
                let text = std::fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<String> = text.lines().map(str::to_owned).collect();
                if text.ends_with('\n') && lines.len() == records.len() {
                    return lines;
                }
                assert!(lines.len() <= records.len(), "more lines than requests:\n{text}");
            }
        };
        let lines = timeout(DEADLINE, complete).await.expect("a line for each request");
        for (record, line) in records.iter_mut().zip(lines) {
            record.log = without_folder(&line);
        }
    }
}

/// Retries that the budget refused.
const OVERFLOW: &str = "envoy_cluster_upstream_rq_retry_overflow";

/// Whether the budget has refused a retry, as the metrics say.
fn has_refusals(metrics: &str) -> bool {
    let of_budget = |line: &&str| line.starts_with(OVERFLOW) && line.contains("limit=\"budget\"");
    metrics.lines().filter(of_budget).any(|line| !line.ends_with(" 0"))
}

fn with_log(yaml: &str, log: &Path) -> String {
    yaml.replace(LOG, log.to_str().expect("a path of text"))
}
