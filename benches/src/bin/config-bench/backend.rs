//! The servers behind the services that are asked: each says its version.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::Empty;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Response header that names the version.
pub(crate) const VERSION: &str = "x-version";

/// One server of each version; both end when this is dropped.
#[derive(Debug)]
pub(crate) struct Backends {
    /// Of `v1` and `v2`.
    pub(crate) addresses: [SocketAddr; 2],
    _tasks: JoinSet<()>,
}

impl Backends {
    /// Starts both, on free ports.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let mut tasks = JoinSet::new();
        let addresses = [serve("v1", &mut tasks).await?, serve("v2", &mut tasks).await?];
        Ok(Self { addresses, _tasks: tasks })
    }
}

async fn serve(version: &'static str, tasks: &mut JoinSet<()>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(async move |_| {
                let mut response = Response::new(Empty::<Bytes>::new());
                response.headers_mut().insert(VERSION, HeaderValue::from_static(version));
                Ok::<_, Infallible>(response)
            });
            // At the end of a run the proxy is killed and its connections break.
            tokio::spawn(async move {
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok()
            });
        }
    });
    Ok(address)
}
