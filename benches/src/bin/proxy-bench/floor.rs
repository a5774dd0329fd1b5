//! A bare pass-through on hyper: the least cost of a proxy that is built on hyper.
//!
//! It has no routing and no limits and changes no header: a hyper server, a list of idle hyper client connections,
//! and nothing between them. The cost of mesh-proxy above this is our own work.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::{http1 as client1, http2 as client2};
use hyper::server::conn::{http1 as server1, http2 as server2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use crate::cli::FloorOptions;

/// Accepts and passes on until the process ends.
pub(crate) async fn serve(options: FloorOptions) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen).await?;
    if options.scenario.is_http2() {
        serve_http2(listener, options.backend).await
    } else {
        serve_http1(listener, options.backend).await
    }
}

async fn serve_http1(listener: TcpListener, backend: SocketAddr) -> anyhow::Result<()> {
    let pool = Arc::new(Pool { backend, idle: Mutex::default() });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let pool = pool.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| pass_http1(pool.clone(), request));
            server1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn pass_http1(pool: Arc<Pool>, request: Request<Incoming>) -> anyhow::Result<Response<Pooled>> {
    let mut sender = pool.checkout().await?;
    let response = sender.send_request(request).await?;
    Ok(response.map(|inner| Pooled { inner, lease: Some((sender, pool)) }))
}

async fn serve_http2(listener: TcpListener, backend: SocketAddr) -> anyhow::Result<()> {
    let stream = TcpStream::connect(backend).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = client2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let sender: client2::SendRequest<Incoming> = sender.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let mut sender = sender.clone();
                async move { sender.send_request(request).await }
            });
            let server = server2::Builder::new(TokioExecutor::new());
            server.serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

/// Idle HTTP/1.1 connections to the backend, the longest idle first.
struct Pool {
    backend: SocketAddr,
    idle: Mutex<VecDeque<client1::SendRequest<Incoming>>>,
}

impl Pool {
    async fn checkout(&self) -> anyhow::Result<client1::SendRequest<Incoming>> {
        if let Some(sender) = self.take_idle() {
            return Ok(sender);
        }
        let stream = TcpStream::connect(self.backend).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = client1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn take_idle(&self) -> Option<client1::SendRequest<Incoming>> {
        let mut idle = self.idle.lock().expect("no panic while the list is held");
        while let Some(sender) = idle.pop_front() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }
}

/// A response body that gives its connection back when it is done with.
struct Pooled {
    inner: Incoming,
    lease: Option<(client1::SendRequest<Incoming>, Arc<Pool>)>,
}

impl Body for Pooled {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some((sender, pool)) = self.lease.take() {
            pool.idle.lock().expect("no panic while the list is held").push_back(sender);
        }
    }
}
