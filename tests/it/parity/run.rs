//! The same requests through the built proxy and through the library.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Response, Version};
use http_body_util::{BodyExt, Full};
use mesh_tests::counters::Counters;
use mesh_tests::headers::{FRAMING, PASSING, TIMES};
use mesh_tests::proxy::{DEADLINE, Page, Proxy};
use mesh_tower::{Body, Mesh};
use tokio::time::interval;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::backends::{Arrival, Backends, RUN};
use super::config::LOG;
use super::request::Sent;
use super::sender::Sender;
use super::{Mode, Role, gateway};

/// How often it is looked whether something has come.
const TURN: Duration = Duration::from_millis(1);

/// Who sends: a Deployment of the configuration.
const WORKLOAD: &str = "default/Deployment/web";

/// Written by whoever sends the message, not by a decision.
fn is_senders(name: &str) -> bool {
    name == "server" || PASSING.contains(&name) || FRAMING.contains(&name)
}

/// All that can be told of one request's way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    status: u16,
    headers: Vec<String>,
    body: Bytes,
    arrivals: Vec<Arrival>,
    log: String,
}

impl Record {
    /// Whether it came to a backend.
    pub(super) fn is_forwarded(&self) -> bool {
        !self.arrivals.is_empty()
    }
}

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

/// One way of sending them, and what came of it.
pub(super) struct Run {
    name: String,
    pub(super) records: Vec<Record>,
    /// How many requests had ended before one was refused a retry by the budget.
    pub(super) within_budget: usize,
    is_refused: bool,
    /// What was mirrored. Copies are on their way for longer than what they are copies of, and come in
    /// any order.
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
            let mut request = run.request(sent);
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
            let response = usable.send(request).await;
            sender = Some(usable);
            run.answered(response, self.backends).await;
            // Who is refused a retry has failed.
            let failed = run.records.last().is_some_and(|record| record.status >= 400);
            let refused = run.is_refused || failed && has_refusals(&page.get("/stats/prometheus").await.1);
            run.count(refused);
        }
        run.logged(&log).await;
        run
    }

    pub(super) async fn through_library(&self) -> Run {
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
        let client = match self.role {
            Role::Sidecar => BoxCloneSyncService::new(mesh.client()),
            Role::Gateway => gateway::in_process(&mesh),
        };
        let mut run = self.run("library");
        for sent in &self.requests {
            let mut request = run.request(sent);
            *request.version_mut() = if self.http2 { Version::HTTP_2 } else { Version::HTTP_11 };
            let grpc = mesh_tower::grpc::is_grpc(request.headers());
            let response = client.clone().oneshot(request.map(Body::new)).await;
            let response = response.unwrap_or_else(|error| error.response(grpc));
            run.answered(response, self.backends).await;
            run.count(counters.sum(OVERFLOW, "limit=budget") > 0);
        }
        run.logged(&log).await;
        run
    }

    /// Waits until the same copies have come of both runs.
    pub(super) async fn until_copied(&self, one: &mut Run, other: &mut Run) {
        let same = async {
            let mut turn = interval(TURN);
            loop {
                turn.tick().await;
                for run in [&mut *one, &mut *other] {
                    let (_, copies) = self.backends.take(&run.name);
                    run.copies.extend(arrivals_without_times(copies));
                    Arrival::sort(&mut run.copies);
                }
                if one.copies == other.copies {
                    return;
                }
            }
        };
        // Where they stay different, the comparison says so.
        let _ = tokio::time::timeout(DEADLINE, same).await;
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
    fn request(&self, sent: &Sent) -> http::Request<Full<Bytes>> {
        let mut request = sent.request();
        let name = HeaderValue::try_from(&self.name).expect("a word and a number");
        request.headers_mut().insert(RUN, name);
        request
    }

    /// The response, whole, and what had arrived by then.
    async fn answered<B>(&mut self, response: Response<B>, backends: &Backends)
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let (arrivals, copies) = backends.take(&self.name);
        self.copies.extend(arrivals_without_times(copies));
        let arrivals = arrivals_without_times(arrivals);
        let headers = without_framing(&head.headers);
        let status = head.status.as_u16();
        self.records.push(Record { status, headers, body, arrivals, log: String::new() });
    }

    /// Counts a request, unless the budget has refused something by now.
    fn count(&mut self, refused: bool) {
        self.is_refused |= refused;
        self.within_budget += usize::from(!self.is_refused);
    }

    /// Adds what the log came to, once it is complete.
    async fn logged(&mut self, log: &Path) {
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
        let lines = tokio::time::timeout(DEADLINE, complete).await.expect("a line for each request");
        for (record, line) in records.iter_mut().zip(lines) {
            record.log = without_folder(&line);
        }
    }
}

/// Retries that were not allowed.
const OVERFLOW: &str = "envoy_cluster_upstream_rq_retry_overflow";

/// Whether the budget has refused a retry, as the metrics say.
fn has_refusals(metrics: &str) -> bool {
    let of_budget = |line: &&str| line.starts_with(OVERFLOW) && line.contains("limit=\"budget\"");
    metrics.lines().filter(of_budget).any(|line| !line.ends_with(" 0"))
}

fn with_log(yaml: &str, log: &Path) -> String {
    yaml.replace(LOG, log.to_str().expect("a path of text"))
}

/// The rule's file, without the folder, which is not the same for both.
fn without_folder(line: &str) -> String {
    const FILE: &str = "mesh.yaml:";
    let mut shown = String::new();
    let mut pieces = line.split(FILE).peekable();
    while let Some(piece) = pieces.next() {
        let end = if pieces.peek().is_some() { piece.rfind('(').map_or(0, |at| at + 1) } else { piece.len() };
        shown += &piece[..end];
        shown += if pieces.peek().is_some() { FILE } else { "" };
    }
    shown
}

fn without_framing(headers: &HeaderMap) -> Vec<String> {
    let shown = |(name, value): (&http::HeaderName, &HeaderValue)| {
        let value = if TIMES.contains(&name.as_str()) { "(time)" } else { value.to_str().unwrap_or("?") };
        format!("{name}: {value}")
    };
    let kept = headers.iter().filter(|(name, _)| !is_senders(name.as_str()));
    let mut lines: Vec<String> = kept.map(shown).collect();
    lines.sort_unstable();
    lines
}

fn arrivals_without_times(arrivals: Vec<Arrival>) -> Vec<Arrival> {
    arrivals.into_iter().map(|arrival| arrival.without_times(&TIMES, is_senders)).collect()
}
