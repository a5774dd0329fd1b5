//! Services on loopback that follow the request's script and record the requests.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mesh_tests::backend::Unheard;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::act::{self, Answer, Broken, SCRIPT};

/// Four backends; the last gets only mirrored requests.
pub(super) const COUNT: usize = 4;
const MIRROR: usize = COUNT - 1;

/// The header with the number of the request in its run: `proxy 7/12`. No rule reads it.
pub(super) const RUN: &str = "x-run";

/// A request as one backend received it: method, target, headers in order of their names, body and trailers.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// The request, as in [`RUN`].
    of: String,
    backend: usize,
    line: String,
    headers: Vec<String>,
    body: Bytes,
    trailers: Vec<String>,
}

/// Backends that live as long as this does.
pub(super) struct Backends {
    pub(super) addresses: Vec<SocketAddr>,
    /// It refuses connections.
    pub(super) closed: Unheard,
    notes: Arc<Notes>,
    _tasks: JoinSet<()>,
}

/// The records of the backends.
#[derive(Default)]
struct Notes {
    arrivals: Mutex<Vec<Arrival>>,
    /// The requests whose callers have read from a response.
    heard: watch::Sender<BTreeSet<String>>,
}

impl Backends {
    pub(super) async fn start() -> Self {
        let notes = Arc::default();
        let mut tasks = JoinSet::new();
        let mut addresses = Vec::new();
        for backend in 0..COUNT {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            addresses.push(listener.local_addr().expect("it is bound"));
            tasks.spawn(serve(listener, backend, Arc::clone(&notes)));
        }
        Self { addresses, closed: Unheard::new(), notes, _tasks: tasks }
    }

    /// The arrivals of this run since the last call.
    pub(super) fn take(&self, run: &str) -> Vec<Arrival> {
        let mut arrivals = self.notes.arrivals.lock().expect("no panic while an arrival is kept");
        let is_its = |of: &str| of.split_once('/').is_some_and(|(name, _)| name == run);
        let (taken, others) =
            std::mem::take(&mut *arrivals).into_iter().partition(|arrival| is_its(&arrival.of));
        *arrivals = others;
        taken
    }

    /// Notes that the caller of this request has read from its response.
    pub(super) fn hear(&self, of: &str) {
        self.notes.heard.send_modify(|heard| {
            heard.insert(of.to_owned());
        });
    }
}

/// Equality of arrivals, whatever their run is.
impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.what() == other.what()
    }
}

impl Eq for Arrival {}

impl Arrival {
    fn what(&self) -> (usize, &str, &[String], &Bytes, &[String]) {
        (self.backend, &self.line, &self.headers, &self.body, &self.trailers)
    }

    /// The number of the request in its run.
    pub(super) fn request(&self) -> usize {
        let number = self.of.rsplit('/').next().and_then(|number| number.parse().ok());
        number.expect("a run and a number")
    }

    /// Whether it is a mirrored request.
    pub(super) fn is_copy(&self) -> bool {
        self.backend == MIRROR
    }

    /// An order that does not depend on the times of arrival.
    pub(super) fn sort(arrivals: &mut [Self]) {
        arrivals.sort_unstable_by(|one, other| one.what().cmp(&other.what()));
    }

    /// Without the values of `times`, and without the headers that belong to the sender.
    pub(super) fn without_times(mut self, times: &[&str], left_out: fn(&str) -> bool) -> Self {
        let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
        self.headers.retain(|line| !left_out(&name(line)));
        for line in &mut self.headers {
            let name = name(line);
            if times.contains(&name.as_str()) {
                *line = name;
            }
        }
        self
    }
}

async fn serve(listener: TcpListener, backend: usize, notes: Arc<Notes>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let notes = notes.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(backend, request, notes.clone()));
            let builder = auto::Builder::new(TokioExecutor::new());
            // The other end sees how a connection ends.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn lines<'a>(headers: impl Iterator<Item = (&'a http::HeaderName, &'a HeaderValue)>) -> Vec<String> {
    let mut lines: Vec<String> =
        headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))).collect();
    lines.sort_unstable();
    lines
}

async fn answer(backend: usize, request: Request<Incoming>, notes: Arc<Notes>) -> Result<Answer, Broken> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| "the caller broke off")?;
    let trailers = body.trailers().map(HeaderMap::iter).into_iter().flatten();
    let trailers = lines(trailers);
    let body = body.to_bytes();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let attempt: usize = text("x-envoy-attempt-count").parse().unwrap_or(1);
    let of = text(RUN).to_owned();
    // No caller waits for a mirror's answer, so it answers at once.
    let act = if backend == MIRROR { String::new() } else { act::of(text(SCRIPT), attempt) };
    let headers = lines(head.headers.iter().filter(|(name, _)| *name != RUN));
    let line = format!("{} {} {:?}", head.method, head.uri, head.version);
    let arrival = Arrival { of: of.clone(), backend, line, headers, body: body.clone(), trailers };
    notes.arrivals.lock().expect("no panic while an arrival is kept").push(arrival);
    let mut heard = notes.heard.subscribe();
    let heard = async move {
        // Its sender lives as long as this.
        let _ = heard.wait_for(|heard| heard.contains(&of)).await;
    };
    let mut response = act::play(&act, body, heard).await?;
    response.headers_mut().insert("x-backend", HeaderValue::from(backend));
    response.headers_mut().insert("x-old", HeaderValue::from_static("old"));
    Ok(response)
}
