//! A connection, or a stream's place on one, lent to a request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::UPGRADE;
use http::{Response, StatusCode};
use mesh_core::endpoint;
use tokio::runtime::Handle;

use super::connection::Http1;
use super::endpoint::EndpointPool;
use super::failure::Failure;
use super::http2::StreamPermit;
use super::upstream_body::UpstreamBody;
use crate::http::request_holder::RequestHolder;

/// How long a request may still be sent after its response ended. Then its HTTP/1.1 connection, which must
/// become ready again, is closed, and its HTTP/2 stream reset.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// The right to send one request on a connection.
#[derive(Debug)]
pub(crate) struct Lease {
    owner: Arc<EndpointPool>,
    kind: Option<Kind>,
    sent: bool,
    /// Whether its connection of HTTP/1.1 has become a tunnel.
    tunnel: bool,
}

#[derive(Debug)]
enum Kind {
    Http1(Box<Http1>),
    Http2(StreamPermit),
}

impl Lease {
    pub(super) fn http1(owner: &Arc<EndpointPool>, connection: Box<Http1>) -> Self {
        Self { owner: owner.clone(), kind: Some(Kind::Http1(connection)), sent: false, tunnel: false }
    }

    pub(super) fn http2(owner: &Arc<EndpointPool>, permit: StreamPermit) -> Self {
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

    /// Whom this connection was made to; a host that moves has connections to several addresses.
    pub(crate) fn target(&self) -> Option<&Arc<endpoint::Endpoint>> {
        match self.kind.as_ref()? {
            Kind::Http1(connection) => Some(&connection.facts.target),
            Kind::Http2(permit) => Some(&permit.connection.facts.target),
        }
    }

    /// The response has been read to its end: the connection may serve another.
    pub(crate) fn finish(mut self) {
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

impl Drop for Lease {
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

fn give_back(owner: &Arc<EndpointPool>, mut connection: Box<Http1>) {
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
