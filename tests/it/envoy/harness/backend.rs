//! Backends that follow the request's script, and record the request.
//!
//! `x-script` holds a word for each attempt of a step; the last one stands for all that follow:
//!
//! | word | the backend's action |
//! |---|---|
//! | `200` … | answers with that status and its own name as the body |
//! | `reset` | ends the connection (HTTP/1.1) or the stream (HTTP/2) without an answer |
//! | `refuse` | REFUSED_STREAM |
//! | `hang` | never answers |
//! | `gate` | answers 200 when the test lets it |
//! | `cut` | answers, and breaks off in the middle of the body |
//! | `grpc=14` | answers with that status and no body, in headers |
//! | `trailers=14` | answers with a message, then that status in trailers |

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mesh_tests::backend::Unheard;
use mesh_tests::body::channel;
use mesh_tower::{Body, BoxError};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::DEADLINE;
use super::servers::Server;

/// A request as a backend received it.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) step: String,
    pub(crate) at: Instant,
    pub(crate) backend: String,
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The backends behind one proxy (or both), in the order of their names.
#[derive(Debug)]
pub(crate) struct Backends {
    servers: Vec<(String, Server)>,
    closed: Unheard,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    arrivals: Mutex<Vec<Arrival>>,
    turns: Mutex<BTreeMap<String, usize>>,
    count: watch::Sender<usize>,
    gate: Semaphore,
}

impl Backends {
    /// One for each name.
    pub(crate) async fn start(names: &[&str]) -> Self {
        let shared = Arc::new(Shared {
            arrivals: Mutex::default(),
            turns: Mutex::default(),
            count: watch::Sender::new(0),
            gate: Semaphore::new(0),
        });
        let mut servers = Vec::new();
        for name in names {
            let (backend, shared) = (Arc::<str>::from(*name), shared.clone());
            let handler = move |request| serve(backend.clone(), shared.clone(), request);
            servers.push(((*name).to_owned(), Server::start(handler).await));
        }
        Self { servers, closed: Unheard::new(), shared }
    }

    /// The address of the backend with this name; `closed` is a port that refuses connections.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        if name == "closed" {
            return self.closed.address();
        }
        let found = self.servers.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no backend {name}")).1.address()
    }

    /// The name at an address.
    pub(crate) fn name(&self, address: &str) -> Option<&str> {
        if self.closed.address().to_string() == address {
            return Some("closed");
        }
        let at = |server: &Server| server.address().to_string() == address;
        self.servers.iter().find(|(_, server)| at(server)).map(|(name, _)| name.as_str())
    }

    /// The arrivals of a step so far.
    pub(crate) fn arrivals(&self, step: &str) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap().iter().filter(|one| one.step == step).cloned().collect()
    }

    /// Waits until this many requests of a step have arrived.
    pub(crate) async fn until(&self, step: &str, count: usize) -> Vec<Arrival> {
        let mut changed = self.shared.count.subscribe();
        let enough = changed.wait_for(|_| self.arrivals(step).len() >= count);
        drop(timeout(DEADLINE, enough).await.expect("requests come in time").unwrap());
        self.arrivals(step)
    }

    /// Lets this many attempts answer that wait at the gate.
    pub(crate) fn open_gate(&self, count: usize) {
        self.shared.gate.add_permits(count);
    }
}

async fn serve(
    backend: Arc<str>,
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, BoxError> {
    let (head, body) = request.into_parts();
    let text = |name: &str| head.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (step, script, answer) = (text("x-step"), text("x-script"), text("x-answer"));
    let host = head.uri.authority().map_or_else(|| text("host"), ToString::to_string);
    let path = head.uri.path_and_query().map_or("*", |path| path.as_str());
    let line = format!("{} {host} {path} {:?}", head.method, head.version);
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let turn = {
        let mut turns = shared.turns.lock().unwrap();
        let turn = turns.entry(step.clone()).or_default();
        *turn += 1;
        *turn
    };
    let backend_name = backend.to_string();
    let arrival =
        Arrival { step, at: Instant::now(), backend: backend_name, line, headers: head.headers, body };
    shared.arrivals.lock().unwrap().push(arrival);
    shared.count.send_modify(|count| *count += 1);
    let words: Vec<&str> = script.split(',').collect();
    let mut response = act(words[turn.min(words.len()) - 1], &backend, &shared).await?;
    for (name, value) in answer.split(';').filter_map(|pair| pair.split_once('=')) {
        response.headers_mut().append(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
    }
    Ok(response)
}

async fn act(word: &str, backend: &str, shared: &Shared) -> Result<Response<Body>, BoxError> {
    let named = || Body::from(backend.to_owned());
    let grpc = || Response::builder().header("content-type", "application/grpc");
    match word.split_once('=') {
        Some(("grpc", status)) => return Ok(grpc().header("grpc-status", status).body(Body::empty())?),
        Some(("trailers", status)) => {
            let (sender, body) = channel();
            let trailers = [("grpc-status".parse::<HeaderName>()?, HeaderValue::from_str(status)?)];
            sender.data(Bytes::from_static(&[0; 5])).await;
            sender.trailers(trailers.into_iter().collect()).await;
            return Ok(grpc().body(body)?);
        }
        _ => {}
    }
    match word {
        "reset" => Err("the script says so".into()),
        "refuse" => Err(h2::Error::from(h2::Reason::REFUSED_STREAM).into()),
        "hang" => pending().await,
        "gate" => {
            shared.gate.acquire().await?.forget();
            Ok(Response::new(named()))
        }
        "cut" => {
            let half = http_body::Frame::data(Bytes::from_static(b"half"));
            let pieces = futures_util::stream::iter([Ok(half), Err("the script says so".into())]);
            // Data after a pause finds the head sent.
            let paused = pieces.then(|piece: Result<_, BoxError>| async {
                tokio::task::yield_now().await;
                piece
            });
            let body = http_body_util::StreamBody::new(paused);
            Ok(Response::builder().header("content-length", "8").body(Body::new(body))?)
        }
        "" => Ok(Response::new(named())),
        status => Ok(Response::builder().status(status).body(named())?),
    }
}
