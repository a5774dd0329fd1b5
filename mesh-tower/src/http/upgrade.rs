//! The tunnel that an endpoint's 101 opens: bytes in both directions, over a connection or over one stream (VA-14).
//!
//! An HTTP/1.1 endpoint gives its whole connection to the tunnel. An HTTP/2 endpoint that accepts an extended `CONNECT`
//! (RFC 8441) gives one stream; its response becomes a 101 too, so that callers handle both alike. [`on`] takes both;
//! `hyper::upgrade::on` takes only connections and fails for a stream.
//!
//! # Cancellation
//! Dropping the response before [`on`] has taken its half, or dropping an [`Upgraded`], closes the connection or resets
//! the stream.
//!
//! # Example
//! ```
//! # use mesh_tower::{Body, BoxError, Client};
//! use http::{Request, StatusCode};
//!
//! # async fn example(client: &Client, key: &str) -> Result<(), BoxError> {
//! let request = Request::get("http://chat.example.com/room")
//!     .header("connection", "upgrade")
//!     .header("upgrade", "websocket")
//!     .header("sec-websocket-version", "13")
//!     .header("sec-websocket-key", key);
//! let mut response = client.request(request.body(Body::empty())?).await?;
//! if response.status() == StatusCode::SWITCHING_PROTOCOLS {
//!     // Reads and writes bytes; a WebSocket library gives them frames.
//!     let stream = mesh_tower::upgrade::on(&mut response).await?;
//! }
//! # Ok(()) }
//! ```

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream};
use http::Response;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::BoxError;

/// Takes the endpoint's half of the tunnel from a 101 response.
///
/// Keep the response's body while the tunnel is open: dropping the body frees the request's place at the endpoint.
pub fn on<B>(response: &mut Response<B>) -> OnUpgrade {
    let stream = response.extensions_mut().remove::<Opened>();
    let taken = stream.and_then(|Opened(stream)| stream.lock().ok()?.take());
    OnUpgrade(match taken {
        Some(stream) => Half::Stream(Some(stream)),
        None => Half::Connection(hyper::upgrade::on(response)),
    })
}

/// Resolves when the endpoint has changed the protocol; fails if it never does.
#[derive(Debug)]
#[must_use = "nothing is tunnelled until it is awaited"]
pub struct OnUpgrade(Half);

#[derive(Debug)]
enum Half {
    Connection(hyper::upgrade::OnUpgrade),
    /// `None` once taken.
    Stream(Option<Box<Tunnel>>),
}

impl Future for OnUpgrade {
    type Output = Result<Upgraded, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match &mut self.0 {
            Half::Connection(connection) => match ready!(Pin::new(connection).poll(cx)) {
                Ok(connection) => Ok(Upgraded(Io::Connection(TokioIo::new(connection)))),
                Err(error) => Err(error.into()),
            },
            Half::Stream(stream) => {
                Ok(Upgraded(Io::Stream(stream.take().expect("a future is not polled after it is ready"))))
            }
        })
    }
}

/// The endpoint's half of a tunnel.
#[derive(Debug)]
pub struct Upgraded(Io);

#[derive(Debug)]
enum Io {
    Connection(TokioIo<hyper::upgrade::Upgraded>),
    Stream(Box<Tunnel>),
}

/// An HTTP/2 stream that carries bytes; an extension of the response until [`on`] takes it.
#[derive(Clone, Debug)]
pub(crate) struct Opened(Arc<Mutex<Option<Box<Tunnel>>>>);

#[derive(Debug)]
struct Tunnel {
    send: SendStream<Bytes>,
    receive: RecvStream,
    /// Received, and not yet read.
    data: Bytes,
}

impl Opened {
    pub(crate) fn new(send: SendStream<Bytes>, receive: RecvStream) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(Tunnel { send, receive, data: Bytes::new() })))))
    }
}

impl Tunnel {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.data.is_empty() {
            match ready!(self.receive.poll_data(cx)) {
                Some(data) => self.data = data.map_err(broken)?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.data.len().min(buf.remaining());
        buf.put_slice(&self.data[..length]);
        self.data.advance(length);
        // Fails only for a stream that is closed and needs no window.
        let _ = self.receive.flow_control().release_capacity(length);
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.send.reserve_capacity(bytes.len());
        while self.send.capacity() == 0 {
            match ready!(self.send.poll_capacity(cx)) {
                Some(granted) => {
                    granted.map_err(broken)?;
                }
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let length = self.send.capacity().min(bytes.len());
        self.send.send_data(Bytes::copy_from_slice(&bytes[..length]), false).map_err(broken)?;
        Poll::Ready(Ok(length))
    }

    fn end(&mut self) -> io::Result<()> {
        self.send.send_data(Bytes::new(), true).map_err(broken)
    }
}

fn broken(error: h2::Error) -> io::Error {
    if error.is_io() {
        return error.into_io().expect("seen before");
    }
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Io::Connection(connection) => Pin::new(connection).poll_read(cx, buf),
            Io::Stream(stream) => stream.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Io::Connection(connection) => Pin::new(connection).poll_write(cx, bytes),
            Io::Stream(stream) => stream.poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Io::Connection(connection) => Pin::new(connection).poll_flush(cx),
            // The connection's driver writes what its streams have.
            Io::Stream(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Io::Connection(connection) => Pin::new(connection).poll_shutdown(cx),
            Io::Stream(stream) => Poll::Ready(stream.end()),
        }
    }
}
