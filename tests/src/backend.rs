//! A service over a real socket.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mesh_tower::Body;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// HTTP/1.1 and HTTP/2 on a free port of the loopback, until dropped.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    served: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Backend {
    /// Serves the responses of this function.
    ///
    /// # Panics
    /// If the loopback has no free port.
    pub async fn start<F, Fut>(handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::at("127.0.0.1:0".parse().expect("an address"), handler).await
    }

    /// The same at an address that another backend has left.
    ///
    /// # Panics
    /// If the address is in use.
    pub async fn at<F, Fut>(address: SocketAddr, handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::on(TcpListener::bind(address).await.expect("a free address"), handler)
    }

    /// The same on a socket that is bound already.
    ///
    /// # Panics
    /// If the socket has no address.
    pub fn on<F, Fut>(listener: TcpListener, handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<Body>> + Send + 'static,
    {
        let address = listener.local_addr().expect("it is bound");
        let (handler, (count, served)) = (Arc::new(handler), watch::channel(0));
        let task = tokio::spawn(async move {
            // Ends with this task, and so do the requests under way.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let (handler, count) = (handler.clone(), count.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        count.send_modify(|count| *count += 1);
                        let answer = handler(request);
                        async move { Ok::<_, Infallible>(answer.await) }
                    });
                    let builder = auto::Builder::new(TokioExecutor::new());
                    // The other end sees how a connection ends.
                    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, served, task }
    }

    /// Dies: its connections break, and its address refuses connections.
    ///
    /// # Panics
    /// Never: the task that is awaited was aborted.
    pub async fn kill(mut self) {
        self.task.abort();
        let ended = (&mut self.task).await;
        assert!(ended.is_err(), "it accepts until it is aborted");
    }

    /// Answers everything with this text.
    pub async fn text(text: &'static str) -> Self {
        Self::start(move |_| async move { Response::new(Body::from(text)) }).await
    }

    /// Several backends on one port, each on a loopback address of its own, for a name with several addresses. Each
    /// answers with its address.
    ///
    /// # Panics
    /// If no port is free on all of them.
    pub async fn siblings(addresses: &[&'static str]) -> Vec<Self> {
        for _ in 0..64 {
            let mut listeners: Vec<TcpListener> = Vec::new();
            for address in addresses {
                let port = listeners.first().map_or(0, |first| first.local_addr().expect("bound").port());
                match TcpListener::bind((*address, port)).await {
                    Ok(listener) => listeners.push(listener),
                    Err(_) => break,
                }
            }
            if listeners.len() == addresses.len() {
                let serve = |(listener, address): (TcpListener, &&'static str)| {
                    let address = *address;
                    Self::on(listener, move |_| async move { Response::new(Body::from(address)) })
                };
                return listeners.into_iter().zip(addresses).map(serve).collect();
            }
        }
        panic!("no port is free on {addresses:?}");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of requests received.
    #[must_use]
    pub fn served(&self) -> usize {
        *self.served.borrow()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A socket at an address that other sockets of this process may hold too: while one does, no other process gets it.
///
/// # Panics
/// If another process has it.
#[must_use]
pub fn shared(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseport(true).expect("Linux can");
    socket.bind(address).expect("a free address");
    socket
}

/// A port that is taken, so that no other process gets it, and refuses connections.
#[derive(Debug)]
pub struct Unheard(TcpSocket);

impl Unheard {
    /// On the loopback.
    ///
    /// # Panics
    /// If it has no free port.
    #[must_use]
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        Self(socket)
    }

    /// An address that refuses connections.
    ///
    /// # Panics
    /// Never: the socket is bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }
}

impl Default for Unheard {
    fn default() -> Self {
        Self::new()
    }
}
