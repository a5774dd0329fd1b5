//! The same requests through the built proxy and through the library.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mesh_tests::proxy::{DEADLINE, Proxy};
use mesh_tower::Mesh;
use tokio::net::TcpStream;

use super::Mode;
use super::backends::{Arrival, Backends};
use super::config::LOG;
use super::request::Sent;

/// Who sends: a Deployment of the configuration.
const WORKLOAD: &str = "default/Deployment/web";

/// Written by whoever frames the message, not by a decision.
const FRAMING: [&str; 5] = ["server", "date", "connection", "transfer-encoding", "content-length"];

/// Headers whose values are times.
const TIMES: [&str; 3] = ["x-envoy-upstream-service-time", "x-envoy-expected-rq-timeout-ms", "grpc-timeout"];

/// All that can be told of one request's way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    status: u16,
    headers: Vec<String>,
    body: Bytes,
    arrivals: Vec<Arrival>,
    log: String,
}

pub(super) async fn proxy(
    seed: u64,
    mode: Mode,
    yaml: &str,
    requests: &[Sent],
    backends: &Backends,
) -> Vec<Record> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("access.log");
    let args = format!(
        "--role sidecar --workload {WORKLOAD} --no-inbound --outbound 127.0.0.1:0 --workers 1 --strict --seed {seed}"
    );
    let args = if mode == Mode::IstioRuntime { args + " --istio-runtime" } else { args };
    let proxy = Proxy::start(crate::blackbox::PROXY, &with_log(yaml, &log), &args).await;
    let address = proxy.address("outbound|15001");
    let mut sender = None;
    let mut answers = Vec::new();
    for sent in requests {
        let mut request = sent.request();
        let host = request.uri().authority().expect("an absolute target").to_string();
        request.headers_mut().insert(HOST, HeaderValue::try_from(host).expect("a host"));
        let mut usable = match sender.take() {
            Some(sender) => sender,
            None => connect(address).await,
        };
        if usable.ready().await.is_err() {
            usable = connect(address).await;
        }
        let response = usable.send_request(request).await.expect("the proxy answers");
        sender = Some(usable);
        answers.push(answer(response, backends).await);
    }
    records(answers, &log, backends).await
}

pub(super) async fn library(
    seed: u64,
    mode: Mode,
    yaml: &str,
    requests: &[Sent],
    backends: &Backends,
) -> Vec<Record> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("access.log");
    std::fs::write(folder.path().join("mesh.yaml"), with_log(yaml, &log)).expect("the folder is ours");
    let mesh = Mesh::from_dir(folder.path())
        .workload(WORKLOAD)
        .strict(true)
        .watch(false)
        .seed(seed)
        .istio_runtime(mode == Mode::IstioRuntime);
    let mesh = mesh.start().await.expect("a sound mesh");
    let client = mesh.client();
    let mut answers = Vec::new();
    for sent in requests {
        let request = sent.request();
        let grpc = mesh_tower::grpc::is_grpc(request.headers());
        let response = client.request(request).await.unwrap_or_else(|error| error.response(grpc));
        answers.push(answer(response, backends).await);
    }
    records(answers, &log, backends).await
}

fn with_log(yaml: &str, log: &Path) -> String {
    yaml.replace(LOG, log.to_str().expect("a path of text"))
}

async fn connect(address: std::net::SocketAddr) -> http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("the proxy listens");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

/// The response, whole, and what had arrived by then.
async fn answer<B>(response: Response<B>, backends: &Backends) -> (Record, Vec<Arrival>)
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    let (mirrored, arrivals) = backends.take().into_iter().partition(Arrival::is_mirrored);
    let arrivals = arrivals_without_times(arrivals);
    let headers = without_framing(&head.headers);
    (Record { status: head.status.as_u16(), headers, body, arrivals, log: String::new() }, mirrored)
}

fn without_framing(headers: &HeaderMap) -> Vec<String> {
    let shown = |(name, value): (&http::HeaderName, &HeaderValue)| {
        let value = if TIMES.contains(&name.as_str()) { "(time)" } else { value.to_str().unwrap_or("?") };
        format!("{name}: {value}")
    };
    let kept = headers.iter().filter(|(name, _)| !FRAMING.contains(&name.as_str()));
    let mut lines: Vec<String> = kept.map(shown).collect();
    lines.sort_unstable();
    lines
}

fn arrivals_without_times(arrivals: Vec<Arrival>) -> Vec<Arrival> {
    arrivals.into_iter().map(|arrival| arrival.without_times(&TIMES, &FRAMING)).collect()
}

/// Adds what the log and the mirror came to, once both are complete.
async fn records(answers: Vec<(Record, Vec<Arrival>)>, log: &Path, backends: &Backends) -> Vec<Record> {
    let (mut records, mirrored): (Vec<Record>, Vec<_>) = answers.into_iter().unzip();
    let complete = async {
        loop {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if text.ends_with('\n') && lines.len() == records.len() {
                return lines;
            }
            assert!(lines.len() <= records.len(), "more lines than requests:\n{text}");
            tokio::task::yield_now().await;
        }
    };
    let lines = tokio::time::timeout(DEADLINE, complete).await.expect("a line for each request");
    for (record, line) in records.iter_mut().zip(lines) {
        record.log = line;
    }
    // Copies may be on their way still: they are compared as a set, at the last request.
    let mut copies = mirrored.concat();
    let quiet = Duration::from_millis(20);
    while let Ok(()) = tokio::time::timeout(quiet, until_more(backends)).await {
        copies.extend(backends.take());
    }
    copies = arrivals_without_times(copies);
    copies.sort_unstable();
    records.last_mut().expect("there are requests").arrivals.extend(copies);
    records
}

async fn until_more(backends: &Backends) {
    while backends.arrived() == 0 {
        tokio::task::yield_now().await;
    }
}
