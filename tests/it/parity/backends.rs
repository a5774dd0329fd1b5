//! Services on loopback that do as the request says, and remember what they were sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mesh_tests::backend::Unheard;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What the backend is to do, attempt by attempt: statuses, or `break`; the last one goes on.
pub(super) const SCRIPT: &str = "x-script";

/// Four of them; the last is only ever mirrored to.
pub(super) const COUNT: usize = 4;

/// What one backend got: method, target, headers in order of their names, and body.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    run: String,
    backend: usize,
    line: String,
    headers: Vec<String>,
    body: Bytes,
}

/// Backends that live as long as this does.
pub(super) struct Backends {
    pub(super) addresses: Vec<SocketAddr>,
    /// Nobody listens here.
    pub(super) closed: Unheard,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    _tasks: JoinSet<()>,
}

impl Backends {
    pub(super) async fn start() -> Self {
        let arrivals = Arc::default();
        let mut tasks = JoinSet::new();
        let mut addresses = Vec::new();
        for backend in 0..COUNT {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            addresses.push(listener.local_addr().expect("it is bound"));
            tasks.spawn(serve(listener, backend, Arc::clone(&arrivals)));
        }
        Self { addresses, closed: Unheard::new(), arrivals, _tasks: tasks }
    }

    /// What has arrived of this run since the last question: first what its requests were answered
    /// by, then what was mirrored.
    pub(super) fn take(&self, run: &str) -> (Vec<Arrival>, Vec<Arrival>) {
        let mut arrivals = self.arrivals.lock().expect("no panic while an arrival is kept");
        let (taken, others) =
            std::mem::take(&mut *arrivals).into_iter().partition(|arrival| arrival.run == run);
        *arrivals = others;
        taken.into_iter().partition(|arrival: &Arrival| arrival.backend < COUNT - 1)
    }
}

/// The header that says of which run a request is; no rule looks at it.
pub(super) const RUN: &str = "x-run";

/// Of equal arrivals, wherever they come from.
impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.what() == other.what()
    }
}

impl Eq for Arrival {}

impl Arrival {
    fn what(&self) -> (usize, &str, &[String], &Bytes) {
        (self.backend, &self.line, &self.headers, &self.body)
    }

    /// An order that does not depend on when they came.
    pub(super) fn sort(arrivals: &mut [Self]) {
        arrivals.sort_unstable_by(|one, other| one.what().cmp(&other.what()));
    }

    /// Without the values of `times`, and without the headers that are whoever sends it's.
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

async fn serve(listener: TcpListener, backend: usize, arrivals: Arc<Mutex<Vec<Arrival>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let arrivals = arrivals.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(backend, request, arrivals.clone()));
            let builder = auto::Builder::new(TokioExecutor::new());
            // How a connection ends is seen at its other end.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    backend: usize,
    request: Request<Incoming>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
) -> Result<Response<Full<Bytes>>, &'static str> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| "the caller broke off")?.to_bytes();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let attempt: usize = text("x-envoy-attempt-count").parse().unwrap_or(1);
    let script: Vec<&str> = text(SCRIPT).split(',').collect();
    let act = script.get(attempt - 1).or(script.last()).copied().unwrap_or_default().to_owned();
    let mut headers: Vec<String> = head
        .headers
        .iter()
        .filter(|(name, _)| *name != RUN)
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")))
        .collect();
    headers.sort_unstable();
    let line = format!("{} {} {:?}", head.method, head.uri, head.version);
    let arrival = Arrival { run: text(RUN).to_owned(), backend, line, headers, body: body.clone() };
    arrivals.lock().expect("no panic while an arrival is kept").push(arrival);
    let mut response = Response::new(Full::new(body));
    match act.as_str() {
        // hyper closes the connection instead of answering.
        "break" => return Err("as the script says"),
        "" => {}
        status => *response.status_mut() = status.parse().expect("a script of statuses"),
    }
    response.headers_mut().insert("x-backend", http::HeaderValue::from(backend));
    response.headers_mut().insert("x-old", http::HeaderValue::from_static("old"));
    Ok(response)
}
