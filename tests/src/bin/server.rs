//! A service in a process of its own, which a test can kill or chain with others.
//!
//! `mesh-tests-server ADDRESS [FOLDER]` listens, prints a line, and serves until its input is closed. With a folder of
//! configuration it is a member of the mesh. Requests choose its action:
//!
//! | header | |
//! |---|---|
//! | `x-hold: NAME` | prints `held NAME`, and answers once the input is `go`; `left NAME` if the caller leaves before |
//! | `x-work: MS` | works this long, then calls `http://next.test/`, and answers with the deadlines announced to both |
//! | `x-next-hold: NAME` | `x-hold` for that call |
//!
//! Each answer has the server's name in `x-by`, and the time that the caller was announced to wait in `x-announced`.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use mesh_tests::backend::{Backend, shared};
use mesh_tower::{Body, BoxError, Client, Mesh};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::watch;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt};

/// How long the caller says that it waits.
const ANNOUNCED: &str = "x-envoy-expected-rq-timeout-ms";

#[derive(Clone)]
struct Server {
    /// Whether the held requests may go.
    go: watch::Receiver<bool>,
    client: Option<Client>,
}

/// A caller that waits.
struct Held {
    name: String,
    answered: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.answered {
            say(&format!("left {}", self.name));
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), BoxError> {
    let mut args = std::env::args().skip(1);
    let address = args.next().ok_or("an address is needed")?.parse()?;
    let mesh = match args.next() {
        Some(folder) => Some(Mesh::from_dir(PathBuf::from(folder)).watch(false).start().await?),
        None => None,
    };
    let (sender, go) = watch::channel(false);
    let server = Server { go, client: mesh.as_ref().map(Mesh::client) };
    let handler = tower::service_fn(move |request| server.clone().answer(request));
    let service = match &mesh {
        Some(mesh) => BoxCloneSyncService::new(mesh.layer().layer(handler).map_err(BoxError::from)),
        None => BoxCloneSyncService::new(handler),
    };
    let backend = Backend::on(shared(address).listen(1024)?, move |request| {
        let answer = service.clone().oneshot(request.map(Body::new));
        async move { answer.await.expect("it fails in a response") }
    });
    say(&format!("listening {}", backend.address()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        sender.send_replace(line == "go");
    }
    Ok(())
}

impl Server {
    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (head, body) = request.into_parts();
        let text =
            |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = body.collect().await?.to_bytes();
        if let Some(name) = text("x-hold") {
            self.hold(name).await;
        }
        let mut response = match text("content-type") {
            Some(grpc) if grpc.starts_with("application/grpc") => grpc_answer(body),
            _ => Response::new(Body::from("fine")),
        };
        let mut announced = text(ANNOUNCED).unwrap_or_default();
        if let (Some(work), Some(client)) = (text("x-work"), &self.client) {
            // This only waits.
            let _ = tokio::time::timeout(Duration::from_millis(work.parse()?), std::future::pending::<()>())
                .await;
            let mut request = Request::get("http://next.test/").body(Body::empty())?;
            if let Some(name) = head.headers.get("x-next-hold") {
                request.headers_mut().insert("x-hold", name.clone());
            }
            let ended = match client.request(request).await {
                Ok(answer) => {
                    let next = answer.headers().get("x-announced").map(|value| value.to_str()).transpose()?;
                    announced = format!("{announced} {}", next.unwrap_or_default());
                    answer.status().as_str().to_owned()
                }
                Err(error) => error.to_string(),
            };
            response.headers_mut().insert("x-ended", HeaderValue::try_from(ended)?);
        }
        response.headers_mut().insert("x-announced", HeaderValue::try_from(announced)?);
        response.headers_mut().insert("x-by", HeaderValue::from(std::process::id()));
        Ok(response)
    }

    async fn hold(&self, name: String) {
        let mut held = Held { name, answered: false };
        say(&format!("held {}", held.name));
        // The end of the input ends the process.
        let _ = self.go.clone().wait_for(|go| *go).await;
        held.answered = true;
    }
}

/// The received message, and a status in trailers.
fn grpc_answer(message: Bytes) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Ok::<_, BoxError>(Frame::data(message)), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(Body::new(StreamBody::new(futures_util::stream::iter(frames))));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

/// Prints a line for the process that started this one.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody reads");
}
