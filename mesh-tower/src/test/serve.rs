//! One connection of a scripted upstream: hyper's server over a pipe, so that framing, trailers,
//! resets and stream limits are the real ones.

use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::DuplexStream;
use tokio_util::sync::CancellationToken;

use super::Fault;
use super::goaway;
use super::log::{Arrival, EventKind, Received, attempt};
use super::pipe::Close;
use super::scripted::{UpstreamState, lock};
use crate::body::Body;
use crate::error::BoxError;

/// More than any test sends, so that only the mesh refuses fields.
const MAX_FIELDS: u32 = 1 << 20;

/// The state that the requests of one connection share.
struct Connection {
    upstream: Arc<UpstreamState>,
    number: u64,
    kill: CancellationToken,
    /// Decides whether reads at the caller's end fail or end.
    end: Close,
}

/// Serves a connection on a task of its own.
pub(super) fn connection(
    upstream: &Arc<UpstreamState>,
    stream: DuplexStream,
    end: Close,
    goaway: Option<u32>,
) {
    let number = upstream.connections.fetch_add(1, Ordering::Relaxed) + 1;
    upstream.open.send_modify(|open| *open += 1);
    upstream.log.note(upstream.address, EventKind::Connected);
    let (close, drain) = (lock(&upstream.close).clone(), lock(&upstream.drain).clone());
    let kill = close.child_token();
    let connection = Arc::new(Connection { upstream: upstream.clone(), number, kill, end });
    let stream = match goaway {
        None => stream,
        Some(after) => {
            let upstream = upstream.clone();
            goaway::filter(stream, after, move || {
                upstream.script.sent_goaway(Fault::GoAwayAfter(after));
                upstream.log.note(upstream.address, EventKind::Fired(Fault::GoAwayAfter(after)));
            })
        }
    };
    tokio::spawn(async move {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http2()
            .max_concurrent_streams(connection.upstream.max_streams.load(Ordering::Relaxed))
            .max_header_list_size(MAX_FIELDS);
        let service = service_fn(|request| respond(connection.clone(), request));
        {
            let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
            let mut draining = false;
            loop {
                tokio::select! {
                    biased;
                    () = connection.kill.cancelled() => break,
                    () = drain.cancelled(), if !draining => {
                        draining = true;
                        serving.as_mut().graceful_shutdown();
                    }
                    // The other end sees how the connection ended.
                    _ = serving.as_mut() => break,
                }
            }
        }
        connection.kill.cancel();
        connection.upstream.log.note(connection.upstream.address, EventKind::Closed);
        connection.upstream.open.send_modify(|open| *open -= 1);
    });
}

async fn respond(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Body>, BoxError> {
    let dead = connection.kill.clone();
    tokio::select! {
        biased;
        () = dead.cancelled() => Err("the connection is closed".into()),
        response = scripted(&connection, request) => {
            let response = response?;
            let upstream = &connection.upstream;
            upstream.log.note(upstream.address, EventKind::Answered(response.status()));
            Ok(response)
        }
    }
}

async fn scripted(connection: &Connection, request: Request<Incoming>) -> Result<Response<Body>, BoxError> {
    let upstream = &connection.upstream;
    let request = receive(connection, request);
    let handler = lock(&upstream.handler).clone();
    let Some(fault) = upstream.script.next_request() else { return Ok(handler(request).await) };
    upstream.log.note(upstream.address, EventKind::Fired(fault));
    match fault {
        Fault::Status(status) => {
            // The caller may cut the body short; the arrival shows it.
            let _ = request.into_body().collect().await;
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status)?;
            Ok(response)
        }
        Fault::Grpc(code) => {
            // As above.
            let _ = request.into_body().collect().await;
            let mut response = Response::new(Body::empty());
            let grpc = HeaderValue::from_static("application/grpc");
            response.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
            response.headers_mut().insert("grpc-status", HeaderValue::from(u16::from(code)));
            Ok(response)
        }
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            Ok(handler(request).await)
        }
        Fault::SlowBody(time) => {
            let response = handler(request).await;
            Ok(response.map(|body| Body::new(Late { wait: Box::pin(tokio::time::sleep(time)), body })))
        }
        Fault::Hang => std::future::pending().await,
        Fault::CloseBeforeResponse => {
            connection.kill.cancel();
            std::future::pending().await
        }
        Fault::CloseAfterRequestBody | Fault::ResetAfterRequestBody => {
            // As above.
            let _ = request.into_body().collect().await;
            connection.end.set_reset(fault == Fault::ResetAfterRequestBody);
            connection.kill.cancel();
            std::future::pending().await
        }
        Fault::RefuseStream => Err(h2::Error::from(h2::Reason::REFUSED_STREAM).into()),
        Fault::ResetStream => Err(h2::Error::from(h2::Reason::INTERNAL_ERROR).into()),
        Fault::ResetMidBody => {
            let (head, body) = handler(request).await.into_parts();
            let whole = body.collect().await?.to_bytes();
            let body = Broken { half: whole.slice(..whole.len() / 2), length: whole.len(), wait: None };
            Ok(Response::from_parts(head, Body::new(body)))
        }
        Fault::Refuse | Fault::Blackhole | Fault::GoAwayAfter(_) => {
            unreachable!("connection faults are in a queue of their own")
        }
    }
}

/// Records the request; its body is recorded as it is read.
fn receive(connection: &Connection, request: Request<Incoming>) -> Request<Body> {
    let upstream = &connection.upstream;
    let arrival = Arc::new(Mutex::new(Arrival {
        at: upstream.log.elapsed(),
        connection: connection.number,
        method: request.method().clone(),
        uri: request.uri().clone(),
        version: request.version(),
        headers: request.headers().clone(),
        body: Received { complete: http_body::Body::is_end_stream(request.body()), ..Received::default() },
    }));
    let kind = EventKind::Arrived {
        method: request.method().clone(),
        path: lock(&arrival).path().to_owned(),
        attempt: attempt(request.headers()),
    };
    upstream.log.note(upstream.address, kind);
    lock(&upstream.arrivals).push(arrival.clone());
    upstream.arrived.send_modify(|count| *count += 1);
    request.map(|body| Body::new(Recorded { body, arrival }))
}

/// A request body that is recorded as it is read.
struct Recorded {
    body: Incoming,
    arrival: Arc<Mutex<Arrival>>,
}

impl http_body::Body for Recorded {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let mut arrival = lock(&self.arrival);
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    arrival.body.add(data);
                }
                if let Some(trailers) = frame.trailers_ref() {
                    arrival.body.trailers = Some(trailers.clone());
                }
                arrival.body.complete |= self.body.is_end_stream();
            }
            Some(Err(_)) => {}
            None => arrival.body.complete = true,
        }
        drop(arrival);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that begins after a delay.
struct Late {
    wait: Pin<Box<tokio::time::Sleep>>,
    body: Body,
}

impl http_body::Body for Late {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        ready!(self.wait.as_mut().poll(cx));
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that announces more bytes than it gives.
struct Broken {
    half: Bytes,
    length: usize,
    wait: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.wait.is_none() && !self.half.is_empty() {
            // The half must be on the wire first: the error would discard it.
            self.wait = Some(Box::pin(tokio::time::sleep(Duration::from_millis(1))));
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.half)))));
        }
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(cx));
        }
        Poll::Ready(Some(Err(h2::Error::from(h2::Reason::INTERNAL_ERROR).into())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}
