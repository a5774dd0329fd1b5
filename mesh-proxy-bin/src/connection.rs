//! One connection: TLS or plain, HTTP/1.1 or HTTP/2, until it ends or is told to.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use mesh_tower::frames::Watched;
use mesh_tower::gather::{Outlet, gather};
use mesh_tower::normalize::Downstream;
use mesh_tower::telemetry::names::{HTTP2_FLOOD, PROTOCOL_ERROR};
use mesh_tower::tls::Acceptor;
use mesh_tower::{Body, BoxError};
use metrics::counter;
use pin_project::pin_project;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::ProtocolVersion;
use tower_service::Service;

use crate::entrance::Entrance;
use crate::front::Front;
use crate::io::Stream;
use crate::registry::{Activity, HEAD_LIMIT, Order, Ticket};

/// How long a TLS handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);

/// What is read ahead of what is understood, beside a head of the largest size (GW-12).
const READ_AHEAD: usize = 4 * 1024;

/// Streams that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 1024;

/// Streams that a caller may open and reset before the connection is given up: a flood of them costs us
/// work and the caller nothing.
const MAX_RESETS: usize = 64;

/// How much a caller may send ahead, on one stream and on all of a connection. Half of the latter is what `h2` lets
/// DATA frames below 256 bytes cost that wait unread, 256 less its length each, before it closes the connection with all
/// its streams: a stream of 15-byte messages that nobody reads comes to 4 MiB before its own window is full.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// What HTTP/2 with prior knowledge begins with; no method of HTTP/1 does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// Serves a connection to its end.
pub(crate) async fn serve<S, B>(stream: TcpStream, peer: SocketAddr, entrance: Entrance<S>, ticket: Ticket)
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    let mut downstream = Downstream::new(peer);
    if let Ok(local) = stream.local_addr() {
        downstream = downstream.local(local);
    }
    let activity = &ticket.activity;
    let opening = async {
        match entrance.shared.tls() {
            Some(acceptor) => secure(stream, acceptor, downstream, activity).await,
            None => plain(stream, downstream, activity).await,
        }
    };
    let opened = tokio::select! {
        opened = opening => opened,
        // It has asked for nothing yet.
        () = activity.told(Order::Leave) => return,
    };
    let (stream, protocol, downstream) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::debug!(listener = %entrance.shared.name, %peer, %error, "no connection");
            return;
        }
    };
    let front = Front {
        stack: RefCell::new(entrance.stack),
        downstream,
        activity: activity.clone(),
        registry: entrance.registry,
        server: entrance.shared.server.clone(),
        max_fields: entrance.shared.max_fields,
    };
    let limit = entrance.shared.max_fields;
    let ended = match protocol {
        Protocol::Http1 => {
            let mut http = http1::Builder::new();
            // The registry's sweep sees to slow heads.
            http.header_read_timeout(None).timer(TokioTimer::new());
            http.max_header_size(limit.bytes()).max_buf_size(limit.bytes() + READ_AHEAD);
            let connection = http.serve_connection(TokioIo::new(stream), front).with_upgrades();
            let leave = http1::UpgradeableConnection::graceful_shutdown;
            Ordered::new(connection, leave, Order::Leave, activity, None).await
        }
        Protocol::Http2 => {
            activity.multiplexed();
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new())
                .max_header_list_size(limit.max_list_size())
                .max_concurrent_streams(MAX_STREAMS)
                // WebSockets (RFC 8441).
                .enable_connect_protocol()
                .max_pending_accept_reset_streams(MAX_RESETS)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW);
            let told = activity.clone();
            let on_unfinished = Box::new(move |head| told.unfinished(head));
            let (stream, outlet) = gather(Watched::client(stream, limit, on_unfinished));
            let connection = http.serve_connection(TokioIo::new(stream), front);
            let leave = http2::Connection::graceful_shutdown;
            Ordered::new(connection, leave, Order::Drain, activity, Some(outlet)).await
        }
    };
    if let Err(error) = ended {
        if is_flood(&*error) {
            counter!(HTTP2_FLOOD).increment(1);
        }
        if protocol == Protocol::Http1 && error.downcast_ref().is_some_and(hyper::Error::is_parse) {
            counter!(PROTOCOL_ERROR).increment(1);
        }
        tracing::debug!(listener = %entrance.shared.name, %peer, %error, "a connection broke");
    }
}

/// Whether `h2` has had enough of the caller.
fn is_flood(error: &(dyn StdError + 'static)) -> bool {
    let h2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    h2.is_some_and(|error| error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}

type Opened = (Stream, Protocol, Downstream);

async fn plain(stream: TcpStream, downstream: Downstream, activity: &Arc<Activity>) -> io::Result<Opened> {
    let protocol = match timeout(HEAD_LIMIT, sniff(&stream)).await {
        Ok(protocol) => protocol?,
        Err(elapsed) => {
            // The sweep would come to the same, a little later.
            activity.time_out();
            return Err(elapsed.into());
        }
    };
    Ok((Stream::plain(stream, activity.clone()), protocol, downstream))
}

async fn secure(
    stream: TcpStream,
    acceptor: Arc<Acceptor>,
    mut downstream: Downstream,
    activity: &Arc<Activity>,
) -> io::Result<Opened> {
    let stream = timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await??;
    let session = stream.get_ref().1;
    downstream = downstream.tls(match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    });
    if let Some(name) = session.server_name() {
        downstream = downstream.server_name(name);
    }
    let protocol = if session.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
    Ok((Stream::tls(stream, activity.clone()), protocol, downstream))
}

/// Tells the protocol from the first bytes without taking them: what follows reads the socket directly, and
/// no byte of it passes through a buffer put in front.
async fn sniff(stream: &TcpStream) -> io::Result<Protocol> {
    let mut bytes = [0; PREFACE.len()];
    let mut wait = Duration::from_millis(1);
    loop {
        let count = stream.peek(&mut bytes).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match decide(&bytes[..count]) {
            Some(protocol) => return Ok(protocol),
            // Looking again returns at once while nothing was taken, so a caller who sends the preface in
            // pieces is looked at now and then.
            None => tokio::time::sleep(wait).await,
        }
        wait = (wait * 2).min(Duration::from_millis(100));
    }
}

fn decide(bytes: &[u8]) -> Option<Protocol> {
    if bytes.starts_with(PREFACE) {
        Some(Protocol::Http2)
    } else if PREFACE.starts_with(bytes) {
        None
    } else {
        Some(Protocol::Http1)
    }
}

/// A connection that follows orders.
#[pin_project]
struct Ordered<C> {
    #[pin]
    connection: C,
    /// Begins its end: no new request, and those that are open may finish.
    leave: fn(Pin<&mut C>),
    /// The order at which that is done.
    leave_at: Order,
    activity: Arc<Activity>,
    /// Where HTTP/2 gathers what it writes.
    outlet: Option<Outlet<Watched<Stream>>>,
    watched: bool,
    leaving: bool,
}

impl<C> Ordered<C> {
    fn new(
        connection: C,
        leave: fn(Pin<&mut C>),
        leave_at: Order,
        activity: &Arc<Activity>,
        outlet: Option<Outlet<Watched<Stream>>>,
    ) -> Self {
        let activity = activity.clone();
        Self { connection, leave, leave_at, activity, outlet, watched: false, leaving: false }
    }
}

impl<C: Future<Output = hyper::Result<()>>> Future for Ordered<C> {
    type Output = Result<(), BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if !*this.watched {
            // Before the first look at the order, so that none is missed. A task's waker stays the same.
            this.activity.watch(cx.waker());
            *this.watched = true;
        }
        let order = this.activity.order();
        if order == Order::End {
            return Poll::Ready(Ok(()));
        }
        if order >= *this.leave_at && !*this.leaving {
            *this.leaving = true;
            (this.leave)(this.connection.as_mut());
        }
        let ended = this.connection.poll(cx).map_err(BoxError::from);
        if let Some(outlet) = this.outlet
            && let Poll::Ready(Err(error)) = outlet.poll_flush(cx)
        {
            return Poll::Ready(Err(error.into()));
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::entrance::Shared;
    use crate::registry::Registry;

    /// However steadily its lines come: the first head of a connection, and one behind an answer.
    #[tokio::test]
    async fn a_head_that_never_ends_is_cut_after_its_time() {
        for before in ["", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, peer) = listener.accept().await.unwrap();
            let (shared, registry) = (Arc::new(Shared::plain("gateway|80")), Arc::<Registry>::default());
            let stack = tower::service_fn(async |_| Ok::<_, BoxError>(Response::new(Body::empty())));
            let ticket = registry.enter(&shared.name);
            let activity = ticket.activity.clone();
            let entrance = Entrance { shared, registry: registry.clone(), stack };
            let serving = tokio::spawn(serve(stream, peer, entrance, ticket));
            caller.write_all(before.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            while !before.is_empty() && !answer.ends_with(b"\r\n\r\n") {
                caller.read_buf(&mut answer).await.unwrap();
            }
            let start = Instant::now();
            for (second, line) in std::iter::once("GET / HTTP/1.1\r\n").chain(["x: y\r\n"; 30]).enumerate() {
                assert!(!serving.is_finished(), "after {second} s, {before:?}");
                let reads = activity.reads();
                caller.write_all(line.as_bytes()).await.unwrap();
                let read = async {
                    while activity.reads() == reads {
                        tokio::task::yield_now().await;
                    }
                };
                timeout(Duration::from_secs(60), read).await.expect("it reads on");
                registry.sweep(start + Duration::from_secs(second as u64));
            }
            timeout(Duration::from_secs(60), serving).await.expect("it is cut").unwrap();
        }
    }

    #[test]
    fn the_first_bytes_tell_the_protocol() {
        assert_eq!(decide(b"GET / HTTP/1.1\r\n"), Some(Protocol::Http1));
        assert_eq!(decide(b"POST"), Some(Protocol::Http1));
        assert_eq!(decide(b"P"), None);
        assert_eq!(decide(&PREFACE[..10]), None);
        assert_eq!(decide(PREFACE), Some(Protocol::Http2));
        assert_eq!(decide(b"PRI * HTTP/1.1\r\n"), Some(Protocol::Http1));
    }
}
