//! The task of a connection: reads frames, writes the frames of its streams, and notices its end.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Builder, Connection};
use h2::{Ping, PingPong};
use mesh_core::circuit::{CircuitPolicy, Http2Keepalive};
use mesh_core::endpoint::Endpoint;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Sleep, sleep_until};

use super::super::connection::{Facts, Lifeline};
use super::{Http2, Shared};
use crate::clock::now;
use crate::error::BoxError;
use crate::frames::GuardedStream;
use crate::http::write_batch::{Flusher, WriteBatch, batch_writes};
use crate::upstream::state::ConnectionPermit;
use crate::upstream::transport::{Counted, Stream};

/// How many bytes of one response, and of all responses of a connection, may wait for their readers: many readers must
/// stop before the connection does.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// How much `h2` may count as overhead of DATA frames below 256 bytes that wait unread, before it closes the connection
/// with all its streams. A stream of 5-byte messages without a reader comes to 13 MiB before its window is full.
const DATA_FRAME_BUDGET: usize = 64 << 20;
/// The stream limit before the peer's settings have come: not a number that the protocol can express, nor the one that
/// stands for "no limit".
const UNKNOWN_LIMIT: usize = usize::MAX - 1;
/// Most that one stream may have waiting to be sent.
const SEND_BUFFER: usize = 1 << 20;

/// Greets the peer and waits for its settings: only they tell how many streams it allows, and a peer that does
/// not speak HTTP/2 is found out before a request is at stake. The connection's task holds what `begin` returns.
/// `local` is our address of the socket, which a secured stream does not show.
pub(in crate::upstream::pool) async fn open<L: Lifeline>(
    circuit: &CircuitPolicy,
    target: &Arc<Endpoint>,
    stream: Stream,
    local: Option<SocketAddr>,
    permit: ConnectionPermit,
    begin: impl FnOnce() -> L,
) -> Result<Http2, BoxError> {
    let (io, written) = Counted::new(stream);
    let max_fields = circuit.max_fields;
    let (io, flusher) = batch_writes(GuardedStream::server(io.whole(), max_fields));
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .data_frame_budget(DATA_FRAME_BUDGET)
        .max_header_list_size(max_fields.max_list_size())
        .max_send_buffer_size(SEND_BUFFER)
        .initial_max_send_streams(UNKNOWN_LIMIT);
    let (sender, mut connection) = builder.handshake::<_, Bytes>(io).await?;
    let state = Arc::new(Shared::default());
    let (settings, settled) = oneshot::channel();
    let keepalive = circuit.http2_keepalive;
    let keepalive = keepalive.and_then(|policy| Some(Keepalive::new(policy, connection.ping_pong()?)));
    let driver = Driver {
        connection,
        flusher,
        settings: Some(settings),
        keepalive,
        _closed: Closed(state.clone()),
        state: state.clone(),
        lifeline: begin(),
    };
    let task = Abort(Some(tokio::spawn(driver).abort_handle()));
    settled.await.map_err(|_| UNSETTLED)?;
    if state.closed.load(Ordering::Relaxed) {
        return Err(UNSETTLED.into());
    }
    task.keep();
    let facts = Facts { target: target.clone(), local, since: now(), _permit: permit };
    Ok(Http2 {
        sender,
        written,
        facts,
        state,
        served: 0.into(),
        draining: false.into(),
        still: Mutex::default(),
        max_fields,
    })
}

const UNSETTLED: &str = "the peer closed the connection before its HTTP/2 settings";

/// Ends when the connection does. The connection closes when no handle to it is left and no stream is open.
struct Driver<L> {
    connection: Connection<WriteBatch<GuardedStream<Counted>>, Bytes>,
    flusher: Flusher<GuardedStream<Counted>>,
    /// Fires once the peer's settings have come.
    settings: Option<oneshot::Sender<()>>,
    keepalive: Option<Keepalive>,
    state: Arc<Shared>,
    // Dropped in this order: the end of the lifeline makes the pool ask whether the connection is closed.
    _closed: Closed,
    lifeline: L,
}

impl<L: Lifeline> Future for Driver<L> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        // An error reaches the streams that met it.
        let ended = Pin::new(&mut this.connection).poll(cx).is_ready();
        let flushed = this.flusher.poll_flush(cx);
        if ended || matches!(flushed, Poll::Ready(Err(_))) {
            return Poll::Ready(());
        }
        let max_streams = this.connection.max_concurrent_send_streams();
        let before = this.state.max_streams.load(Ordering::Relaxed);
        if max_streams != UNKNOWN_LIMIT && (max_streams != before || this.settings.is_some()) {
            this.state.max_streams.store(max_streams, Ordering::Relaxed);
            if let Some(settings) = this.settings.take() {
                // The dial may have been given up.
                let _ = settings.send(());
            } else if max_streams > before {
                this.lifeline.room_was_made();
            }
        }
        match &mut this.keepalive {
            Some(keepalive) => keepalive.poll(cx, this.flusher.reads()),
            None => Poll::Pending,
        }
    }
}

/// Pings a peer that has sent nothing for a while, so that a dead connection is found before a call uses it.
struct Keepalive {
    policy: Http2Keepalive,
    pings: PingPong,
    timer: Pin<Box<Sleep>>,
    /// Reads so far, and when the latest was seen.
    heard: (u64, Instant),
    asked: bool,
}

impl Keepalive {
    fn new(policy: Http2Keepalive, pings: PingPong) -> Self {
        let now = now();
        let timer = Box::pin(sleep_until((now + policy.interval).into()));
        Self { policy, pings, timer, heard: (0, now), asked: false }
    }

    /// Ready when the peer has not answered in time.
    fn poll(&mut self, cx: &mut Context<'_>, reads: u64) -> Poll<()> {
        if self.heard.0 != reads {
            self.heard = (reads, now());
        }
        loop {
            if self.asked && self.pings.poll_pong(cx).is_ready() {
                self.asked = false;
                self.wait(now() + self.policy.interval);
            }
            ready!(self.timer.as_mut().poll(cx));
            let now = now();
            let due = self.heard.1 + self.policy.interval;
            if self.asked {
                return Poll::Ready(());
            } else if now < due {
                self.wait(due);
            } else if self.pings.send_ping(Ping::opaque()).is_ok() {
                self.asked = true;
                self.wait(now + self.policy.timeout);
            } else {
                // The connection is ending.
                self.wait(now + self.policy.interval);
            }
        }
    }

    fn wait(&mut self, until: Instant) {
        self.timer.as_mut().reset(until.into());
    }
}

/// Marks the connection as closed when its driver is dropped.
struct Closed(Arc<Shared>);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }
}

/// Ends the task of a connection that was given up before it was ready.
struct Abort(Option<AbortHandle>);

impl Abort {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::io::DuplexStream;
    use tokio::time::{Instant, timeout};

    use super::*;

    const POLICY: Http2Keepalive =
        Http2Keepalive { interval: Duration::from_secs(10), timeout: Duration::from_secs(3) };

    /// How long the connection lasts with that peer, if it does not last for ever.
    async fn lasts(answers: bool) -> Option<Duration> {
        let (client, server) = tokio::io::duplex(1 << 16);
        let (io, flusher): (WriteBatch<DuplexStream>, _) = batch_writes(client);
        let peer = tokio::spawn(async move {
            let mut server = h2::server::handshake(server).await.unwrap();
            if answers {
                while server.accept().await.is_some() {}
            } else {
                let _ = timeout(Duration::from_secs(1), server.accept()).await;
                std::future::pending::<()>().await;
            }
        });
        let (_sender, mut connection) = Builder::new().handshake::<_, Bytes>(io).await.unwrap();
        let mut keepalive = Keepalive::new(POLICY, connection.ping_pong().unwrap());
        let begun = Instant::now();
        let gone = poll_fn(|cx| {
            assert!(Pin::new(&mut connection).poll(cx).is_pending());
            assert!(!matches!(flusher.poll_flush(cx), Poll::Ready(Err(_))));
            keepalive.poll(cx, flusher.reads())
        });
        let lasted = timeout(Duration::from_secs(100), gone).await.ok().map(|()| begun.elapsed());
        peer.abort();
        lasted
    }

    #[tokio::test(start_paused = true)]
    async fn cb_3_a_peer_that_does_not_answer_is_given_up() {
        assert_eq!(lasts(true).await, None);
        // It was heard at the very beginning only.
        assert_eq!(lasts(false).await.unwrap().as_secs(), 13);
    }
}
