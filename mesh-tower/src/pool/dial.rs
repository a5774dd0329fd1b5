//! Opening a connection: dial, TLS, HTTP handshake, all within the connect timeout.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mesh_core::outcome::Reset;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::connection::{Facts, Http1, Http2};
use super::stream::Counted;
use super::{Endpoint, Protocol};
use crate::clock::now;
use crate::cluster::ConnectionPermit;
use crate::error::BoxError;

/// A failed dial; shared by all who waited for it.
#[derive(Clone, Debug)]
pub(crate) struct DialError {
    pub(crate) reset: Reset,
    pub(crate) source: Arc<BoxError>,
}

pub(super) enum Connection {
    Http1(Http1),
    Http2(Arc<Http2>),
}

pub(super) async fn dial(
    endpoint: &Arc<Endpoint>,
    protocol: Protocol,
    permit: ConnectionPermit,
) -> Result<Connection, DialError> {
    let limit = endpoint.policy().circuit.connect_timeout;
    match tokio::time::timeout(limit, open(endpoint, protocol, permit)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(source)) => Err(DialError { reset: Reset::ConnectFailure, source: Arc::new(source) }),
        Err(_) => Err(DialError {
            reset: Reset::ConnectTimeout,
            source: Arc::new(format!("no connection to {} within {limit:?}", endpoint.address()).into()),
        }),
    }
}

async fn open(
    endpoint: &Arc<Endpoint>,
    protocol: Protocol,
    permit: ConnectionPermit,
) -> Result<Connection, BoxError> {
    let circuit = &endpoint.policy().circuit;
    let stream = endpoint
        .connector()
        .connect(endpoint.address(), circuit.tcp_keepalive.as_ref())
        .await
        .map_err(|error| Refused { address: endpoint.address().to_string(), source: error })?;
    let local = stream.local_addr();
    let stream = endpoint.secure(stream, protocol).await?;
    let (io, written, first_read) = Counted::new(stream);
    match protocol {
        Protocol::Http1 => {
            let (mut sender, connection) = http1::Builder::new().handshake(io).await?;
            let ended = Ended::of(endpoint, Protocol::Http1);
            let task = tokio::spawn(async move {
                let _ended = ended;
                // An error reaches the request that met it; between requests it is just a close.
                let _ = connection.with_upgrades().await;
            });
            // Ready once its task has been polled; before that it would look like a dead one.
            sender.ready().await?;
            let facts = Facts { local, since: now(), task: task.abort_handle(), _permit: permit };
            Ok(Connection::Http1(Http1 { sender, written, facts, served: 0, idle_since: now() }))
        }
        Protocol::Http2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).adaptive_window(false).initial_stream_window_size(1 << 20);
            builder.initial_connection_window_size(4 << 20);
            if let Some(keepalive) = &circuit.http2_keepalive {
                builder.keep_alive_interval(keepalive.interval).keep_alive_timeout(keepalive.timeout);
            }
            let (sender, connection) = builder.handshake(io).await?;
            let max_streams = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
            let (settings, settled) = oneshot::channel();
            let seen = max_streams.clone();
            let ended = Ended::of(endpoint, Protocol::Http2);
            let task = tokio::spawn(async move {
                let _ended = ended;
                let mut connection = pin!(connection);
                let mut peer = Peer { first_read: Some(first_read), settings: Some(settings) };
                // An error reaches the streams that met it.
                let _ = poll_fn(|cx| {
                    let poll = connection.as_mut().poll(cx);
                    peer.look(cx);
                    seen.store(connection.current_max_send_streams(), Ordering::Relaxed);
                    poll
                })
                .await;
            });
            let task = Abort(Some(task.abort_handle()));
            settled.await.map_err(|_| UNSETTLED)?;
            if sender.is_closed() {
                return Err(UNSETTLED.into());
            }
            let facts = Facts { local, since: now(), task: task.keep(), _permit: permit };
            Ok(Connection::Http2(Arc::new(Http2 {
                sender,
                facts,
                streams: 0.into(),
                max_streams,
                served: 0.into(),
                draining: false.into(),
            })))
        }
    }
}

const UNSETTLED: &str = "the peer closed the connection before its HTTP/2 settings";

/// Waits for the peer's SETTINGS: only they tell how many streams it allows, and a peer that does
/// not speak HTTP/2 is found out before a request is at stake.
///
/// Another task of hyper's reads the frames; it signals the first bytes, and has applied them when
/// this one comes round again.
struct Peer {
    first_read: Option<oneshot::Receiver<()>>,
    settings: Option<oneshot::Sender<()>>,
}

impl Peer {
    fn look(&mut self, cx: &mut Context<'_>) {
        match &mut self.first_read {
            Some(first_read) => match Pin::new(first_read).poll(cx) {
                Poll::Ready(Ok(())) => {
                    self.first_read = None;
                    cx.waker().wake_by_ref();
                }
                // The stream is gone; the connection says so.
                Poll::Ready(Err(_)) => (self.first_read, self.settings) = (None, None),
                Poll::Pending => {}
            },
            None => {
                if let Some(settings) = self.settings.take() {
                    // Whoever dialled may have stopped waiting.
                    let _ = settings.send(());
                }
            }
        }
    }
}

/// Tells the pool that a connection's task is over, however it ended.
struct Ended {
    owner: Weak<Endpoint>,
    protocol: Protocol,
}

impl Ended {
    fn of(endpoint: &Arc<Endpoint>, protocol: Protocol) -> Self {
        endpoint.connection_begun(protocol);
        Self { owner: Arc::downgrade(endpoint), protocol }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(endpoint) = self.owner.upgrade() {
            endpoint.connection_ended(self.protocol);
        }
    }
}

/// Ends the task of a connection that was given up before it was ready.
struct Abort(Option<AbortHandle>);

impl Abort {
    fn keep(mut self) -> AbortHandle {
        self.0.take().expect("kept once")
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// The operating system refused the connection.
#[derive(Debug, thiserror::Error)]
#[error("connecting to {address}")]
struct Refused {
    address: String,
    source: std::io::Error,
}

/// How long to wait before dial `failures + 1` of an endpoint that cannot be reached: doubling from
/// 50 ms to 2 s, each drawn from the upper half, so that many clients do not return in step.
pub(super) fn reconnect_delay(failures: u32, unit: f64) -> Duration {
    let ceiling = Duration::from_millis(50).saturating_mul(1 << failures.min(6)).min(Duration::from_secs(2));
    ceiling.mul_f64(0.5 + unit / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconnect_delays_grow_with_jitter_and_stop_at_two_seconds() {
        assert_eq!(reconnect_delay(0, 0.0), Duration::from_millis(25));
        assert_eq!(reconnect_delay(1, 1.0), Duration::from_millis(100));
        assert_eq!(reconnect_delay(40, 1.0), Duration::from_secs(2));
    }
}
