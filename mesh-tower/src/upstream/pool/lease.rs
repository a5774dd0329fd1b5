//! A connection, or a stream's place on one, lent to a request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::UPGRADE;
use http::{Response, StatusCode};
use mesh_core::endpoint::Endpoint;
use tokio::runtime::Handle;

use super::connection::SETTLE;
use super::failure::Failure;
use super::http1::Http1;
use super::http2::StreamPermit;
use super::upstream_body::UpstreamBody;
use crate::http::request_holder::RequestHolder;

/// What lends connections, and takes them back.
///
/// A trait, so that a lease needs to know nothing of lines, dials and locks; each program has one lender, so its
/// calls are direct ones.
pub(crate) trait Lender: Sized + Send + Sync + 'static {
    /// Whether a connection has served as many requests as it may (CB-3).
    fn has_served_enough(&self, served: u32) -> bool;

    /// Whether a connection has stood long enough (CB-2).
    fn is_too_old(&self, since: Instant) -> bool;

    /// An HTTP/1.1 connection is ready for another request.
    fn give_back(self: &Arc<Self>, connection: Box<Http1>);

    /// An HTTP/1.1 connection was lent in vain: it is as it was before.
    fn take_back(self: &Arc<Self>, connection: Box<Http1>);

    /// An HTTP/1.1 connection has become a tunnel: its task ends, but its place stays taken.
    fn tunnel_begun(self: &Arc<Self>);

    /// A tunnel has ended, and given its place back.
    fn tunnel_ended(self: &Arc<Self>);

    /// A response ended, or was dropped: the place of its HTTP/2 stream is free.
    fn stream_ended(self: &Arc<Self>);
}

/// The right to send one request on a connection of `O`.
#[derive(Debug)]
pub(crate) struct Lease<O: Lender> {
    owner: Arc<O>,
    kind: Option<Kind<Self>>,
    sent: bool,
    /// Whether its connection of HTTP/1.1 has become a tunnel.
    tunnel: bool,
}

#[derive(Debug)]
enum Kind<L> {
    Http1(Box<Http1>),
    Http2(StreamPermit<L>),
}

impl<O: Lender> Lease<O> {
    pub(super) fn http1(owner: &Arc<O>, connection: Box<Http1>) -> Self {
        Self { owner: owner.clone(), kind: Some(Kind::Http1(connection)), sent: false, tunnel: false }
    }

    pub(super) fn http2(owner: &Arc<O>, permit: StreamPermit<Self>) -> Self {
        Self { owner: owner.clone(), kind: Some(Kind::Http2(permit)), sent: false, tunnel: false }
    }

    /// Sends the request; resolves with the response's head.
    pub(crate) async fn send<R: RequestHolder>(
        &mut self,
        held: R,
    ) -> Result<Response<UpstreamBody>, Failure<R>> {
        self.sent = true;
        match self.kind.as_mut().expect("a lease sends once, before it ends") {
            Kind::Http1(connection) => {
                let response = connection.send(held).await?;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    self.tunnel = true;
                    self.owner.tunnel_begun();
                }
                Ok(response.map(UpstreamBody::Http1))
            }
            Kind::Http2(permit)
                if permit.connection.takes_connect() && held.get().headers().contains_key(UPGRADE) =>
            {
                let response = permit.connect(held).await?;
                Ok(response.map(|body| body.map_or(UpstreamBody::None, UpstreamBody::Http2)))
            }
            Kind::Http2(permit) => permit.send(held).await.map(|response| response.map(UpstreamBody::Http2)),
        }
    }

    /// Whether a request may change the protocol here: of a connection of its own, or of a stream where the
    /// peer takes an extended `CONNECT` (RFC 8441).
    pub(crate) fn may_switch(&self) -> bool {
        match &self.kind {
            Some(Kind::Http2(permit)) => permit.connection.takes_connect(),
            Some(Kind::Http1(_)) | None => true,
        }
    }

    pub(super) fn into_http1(mut self) -> Option<Box<Http1>> {
        match self.kind.take()? {
            Kind::Http1(connection) => Some(connection),
            Kind::Http2(_) => None,
        }
    }

    /// Our address on this connection.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self.kind.as_ref()? {
            Kind::Http1(connection) => connection.facts.local,
            Kind::Http2(permit) => permit.connection.facts.local,
        }
    }

    /// The endpoint that this connection was made to; a host that moves has connections to several addresses.
    pub(crate) fn target(&self) -> Option<&Arc<Endpoint>> {
        match self.kind.as_ref()? {
            Kind::Http1(connection) => Some(&connection.facts.target),
            Kind::Http2(permit) => Some(&permit.connection.facts.target),
        }
    }

    /// The response has been read to its end: the connection may serve another. Not for a tunnel, which ends when it is
    /// dropped.
    pub(crate) fn finish(mut self) {
        debug_assert!(!self.tunnel, "a tunnel is dropped");
        match self.kind.take() {
            Some(Kind::Http1(connection)) => give_back(&self.owner, connection),
            Some(Kind::Http2(mut permit)) => {
                let upload = permit.upload.take();
                self.kind = Some(Kind::Http2(permit));
                if let Some(upload) = upload {
                    // An upload that is over has no use for it.
                    let _ = upload.send(self);
                }
            }
            None => {}
        }
    }
}

impl<O: Lender> Drop for Lease<O> {
    fn drop(&mut self) {
        match self.kind.take() {
            Some(Kind::Http1(connection)) if self.tunnel => {
                drop(connection);
                self.owner.tunnel_ended();
            }
            // In the middle of an exchange: nothing but closing it is safe.
            Some(Kind::Http1(connection)) if self.sent => connection.abort(),
            Some(Kind::Http1(connection)) => self.owner.take_back(connection),
            Some(Kind::Http2(permit)) => {
                if !self.sent {
                    permit.unserved();
                }
                drop(permit);
                self.owner.stream_ended();
            }
            None => {}
        }
    }
}

fn give_back<O: Lender>(owner: &Arc<O>, mut connection: Box<Http1>) {
    if connection.is_last
        || owner.has_served_enough(connection.served)
        || owner.is_too_old(connection.facts.since)
    {
        return; // Dropping the sender ends the connection gracefully.
    }
    if connection.is_open() {
        owner.give_back(connection);
        return;
    }
    // hyper has not come round to the next request yet: on a multi-threaded runtime the response
    // can overtake the connection's task.
    let Ok(runtime) = Handle::try_current() else {
        connection.abort();
        return;
    };
    let owner = owner.clone();
    runtime.spawn(async move {
        match tokio::time::timeout(SETTLE, connection.settled()).await {
            Ok(true) => owner.give_back(connection),
            Ok(false) => {}
            Err(_) => connection.abort(),
        }
    });
}
