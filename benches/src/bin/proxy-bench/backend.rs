//! The one server behind every proxy: HTTP/1.1 and HTTP/2 with prior knowledge on one port.
//!
//! It does as little as it can, so that the machine's other core is left to the load generator. It tells in its answer
//! whether the request came with an id, which is how the load generator knows that a proxy's features were really on.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mesh_benches::process;
use tokio::net::TcpListener;

use crate::scenario::{FLAKY_PATH, GRPC_PATH, PLAIN_PATH, REQUEST_ID_SEEN, plain_body};

type Trailers = Ready<Option<Result<HeaderMap, Infallible>>>;
type Body = Either<Full<Bytes>, WithTrailers<Full<Bytes>, Trailers>>;

/// Whether the flaky path succeeds next.
static TURN: AtomicBool = AtomicBool::new(false);

/// Serves on a free port, which it announces, until the process ends.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    process::announce(&listener.local_addr()?.to_string())?;
    let plain = plain_body();
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http2().max_concurrent_streams(1024);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (server, plain) = (server.clone(), plain.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, plain.clone()));
            // A connection that breaks is the proxy's to report; the load generator sees the failed request.
            server.serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn answer(request: Request<Incoming>, plain: Bytes) -> Result<Response<Body>, hyper::Error> {
    let identified = request.headers().contains_key("x-request-id");
    let mut response = match request.uri().path() {
        PLAIN_PATH => {
            let mut response = Response::new(Either::Left(Full::new(plain)));
            response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
            response
        }
        GRPC_PATH => {
            let message = request.into_body().collect().await?.to_bytes();
            let mut trailers = HeaderMap::with_capacity(1);
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let body = Full::new(message).with_trailers(ready(Some(Ok(trailers))));
            let mut response = Response::new(Either::Right(body));
            response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
            response
        }
        FLAKY_PATH if TURN.fetch_xor(true, Ordering::Relaxed) => empty(StatusCode::OK),
        FLAKY_PATH => empty(StatusCode::SERVICE_UNAVAILABLE),
        _ => empty(StatusCode::NOT_FOUND),
    };
    if identified {
        response.headers_mut().insert(REQUEST_ID_SEEN, HeaderValue::from_static("1"));
    }
    Ok(response)
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}
