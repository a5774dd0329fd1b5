//! The whole client beside a bare hyper client: the same server, the same kind of stream.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_core::circuit::Keepalive;
use mesh_core::endpoint::Address;
use mesh_tower::Body;
use mesh_tower::telemetry::AccessLog;
use mesh_tower::upstream::pool::{Connect, Connecting, Stream};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

use super::server::serve;
use super::world::{FULL, PLAIN, PLAIN_H2};
use super::{Call, World};

/// How much a pipe in memory holds.
const PIPE: usize = 64 * 1024;

/// Clients of a hyper server in the same thread, over pipes in memory and over loopback.
///
/// # Panics
/// If the world's own server on loopback cannot be reached.
#[must_use]
pub fn clients(world: &Rc<World>) -> Vec<Call> {
    let piped = |log| world.mesh(Some(Arc::new(Pipes)), log);
    let memory = piped(AccessLog::off());
    let client = |mesh: &mesh_tower::Mesh| world.block_on(async { mesh.client() });
    let loopback = client(&world.mesh(None, AccessLog::off()));
    let memory = client(&memory);
    let bare = |stream: Pipe| world.block_on(Bare::http1(stream));
    let tcp = world.block_on(TcpStream::connect(world.endpoint())).expect("the server listens");
    tcp.set_nodelay(true).expect("a TCP stream");
    vec![
        Call::new("hyper, memory", "hyper, memory", world, PLAIN, bare(Box::new(pipe(world)))),
        Call::new("client, memory", "hyper, memory", world, PLAIN, memory.clone()),
        Call::new("client, memory, rules", "hyper, memory", world, FULL, memory.clone()),
        Call::new(
            "hyper, memory, h2",
            "hyper, memory, h2",
            world,
            PLAIN_H2,
            world.block_on(Bare::http2(Box::new(pipe(world)))),
        ),
        Call::new("client, memory, h2", "hyper, memory, h2", world, PLAIN_H2, memory),
        Call::new("hyper, loopback", "hyper, loopback", world, PLAIN, bare(Box::new(tcp))),
        Call::new("client, loopback", "hyper, loopback", world, PLAIN, loopback.clone()),
        Call::new("client, loopback, rules", "hyper, loopback", world, FULL, loopback),
    ]
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
type Pipe = Box<dyn Duplex>;

fn pipe(world: &World) -> DuplexStream {
    world.block_on(async {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        serve(theirs);
        ours
    })
}

/// Opens pipes in memory, each with a server at its end.
#[derive(Debug)]
struct Pipes;

impl Connect for Pipes {
    fn connect(&self, _: &Address, _: Option<&Keepalive>) -> Connecting {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        serve(theirs);
        Box::pin(std::future::ready(Ok(Stream::new(ours))))
    }
}

type Responding = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

/// The connection of a program without a mesh: one connection, and requests in the form of its protocol.
enum Bare {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Bare {
    async fn http1(stream: Pipe) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
        tokio::spawn(connection);
        Self::Http1(sender)
    }

    async fn http2(stream: Pipe) -> Self {
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a handshake");
        tokio::spawn(connection);
        Self::Http2(sender)
    }
}

impl tower::Service<Request<Body>> for Bare {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Responding;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        match self {
            Self::Http1(sender) => sender.poll_ready(cx),
            Self::Http2(sender) => sender.poll_ready(cx),
        }
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self {
            Self::Http1(sender) => {
                let parts = std::mem::take(request.uri_mut()).into_parts();
                if let Some(authority) = parts.authority {
                    let host = HeaderValue::try_from(authority.as_str()).expect("a sound authority");
                    request.headers_mut().insert(HOST, host);
                }
                let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
                *request.uri_mut() = Uri::from(path);
                Box::pin(sender.send_request(request))
            }
            Self::Http2(sender) => Box::pin(sender.send_request(request)),
        }
    }
}
