//! One connection: TLS or plain, HTTP/1.1 or HTTP/2, until it ends or has the order to.

pub(crate) mod activity;
pub(crate) mod entrance;
pub(crate) mod front;
mod opening;
mod ordered;
pub(crate) mod registry;
mod reply;
mod stream;
mod upgrade;

use std::cell::RefCell;
use std::error::Error as StdError;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use mesh_tower::frames::GuardedStream;
use mesh_tower::normalize::Downstream;
use mesh_tower::telemetry::names::{HTTP2_FLOOD, PROTOCOL_ERROR};
use mesh_tower::write_batch::batch_writes;
use mesh_tower::{Body, BoxError};
use metrics::counter;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::connection::activity::Order;
use crate::connection::entrance::Entrance;
use crate::connection::front::Front;
use crate::connection::opening::{Protocol, open};
use crate::connection::ordered::Ordered;
use crate::connection::registry::Ticket;

/// Bytes of read-ahead beside a head of the largest size (GW-12).
const READ_AHEAD: usize = 4 * 1024;

/// Streams that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 1024;

/// Streams that a caller may open and reset before the connection is closed: such a flood costs the proxy work,
/// and the caller nothing.
const MAX_RESETS: usize = 64;

/// How much a caller may send ahead, on one stream and on all of a connection. Half of the latter is what `h2` lets
/// DATA frames below 256 bytes cost that wait unread, 256 less its length each, before it closes the connection with all
/// its streams: a stream of 15-byte messages that is not read comes to 4 MiB before its own window is full.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 16 << 20;

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
    let opening = open(stream, entrance.shared.tls(), downstream, activity);
    let opened = tokio::select! {
        opened = opening => opened,
        // The caller has sent no request yet.
        () = activity.ordered(Order::Leave) => return,
    };
    let (stream, protocol, downstream) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::debug!(listener = %entrance.shared.key, %peer, %error, "no connection");
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
            // The registry's sweep ends slow heads.
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
            let noted = activity.clone();
            let on_unfinished = Box::new(move |head| noted.unfinished(head));
            let (stream, flusher) = batch_writes(GuardedStream::client(stream, limit, on_unfinished));
            let connection = http.serve_connection(TokioIo::new(stream), front);
            let leave = http2::Connection::graceful_shutdown;
            Ordered::new(connection, leave, Order::Drain, activity, Some(flusher)).await
        }
    };
    if let Err(error) = ended {
        if is_flood(&*error) {
            counter!(HTTP2_FLOOD).increment(1);
        }
        if protocol == Protocol::Http1 && error.downcast_ref().is_some_and(hyper::Error::is_parse) {
            counter!(PROTOCOL_ERROR).increment(1);
        }
        tracing::debug!(listener = %entrance.shared.key, %peer, %error, "a connection broke");
    }
}

/// Whether `h2` closed the connection because of a flood.
fn is_flood(error: &(dyn StdError + 'static)) -> bool {
    let h2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    h2.is_some_and(|error| error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;
    use crate::connection::entrance::Shared;
    use crate::connection::registry::Registry;

    /// However steadily its lines come: the first head of a connection, and one behind an answer.
    #[tokio::test]
    async fn a_head_that_never_ends_is_cut_after_its_time() {
        for before in ["", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, peer) = listener.accept().await.unwrap();
            let (shared, registry) = (Arc::new(Shared::plain("gateway|80")), Arc::<Registry>::default());
            let stack = tower::service_fn(async |_| Ok::<_, BoxError>(Response::new(Body::empty())));
            let ticket = registry.enter(&shared.key);
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
}
