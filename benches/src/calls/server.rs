//! The server behind the clients: hyper over any stream, and on loopback.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mesh_tower::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// Serves one connection, on the current runtime.
pub(super) fn serve(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    tokio::spawn(async move {
        let builder = auto::Builder::new(TokioExecutor::new());
        let service = hyper::service::service_fn(answer);
        // At the end of a run connections break in the middle.
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    });
}

/// A server on loopback, on the current runtime.
pub(super) async fn listen() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            serve(stream);
        }
    });
    address
}

async fn answer<B>(request: Request<B>) -> Result<Response<Body>, Infallible> {
    drop(request);
    Ok(Response::new(Body::from("hello, world")))
}
