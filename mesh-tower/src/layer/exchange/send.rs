//! How a request gets onto a connection of its endpoint.

use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version};
use mesh_core::outcome::Outcome;

use crate::body::Body;
use crate::error::{BoxError, Error};
use crate::http::body::upload;
use crate::request::boxed_request::BoxedRequest;
use crate::upstream::pool::{CheckoutError, EndpointPool, Failure, Lease, UpstreamBody};
use crate::upstream::transport::{DialError, Protocol};

/// Why there is no response.
pub(super) enum Unsent {
    Overflow,
    Failed(Error),
}

/// The connection for a request; one that `switches` changes the protocol, on a stream where the peer takes that, else on
/// a connection of its own.
pub(super) async fn checkout(
    endpoint: &Arc<EndpointPool>,
    protocol: &mut Protocol,
    switches: bool,
    repeatable: bool,
) -> Result<Lease, Unsent> {
    let mut leased = endpoint.checkout(*protocol, repeatable).await;
    if switches && !may_switch(&leased, *protocol) {
        // Not on a stream of this peer's; perhaps on a connection of one's own.
        *protocol = Protocol::Http1;
        drop(leased);
        leased = endpoint.checkout(*protocol, repeatable).await;
    }
    leased.map_err(|error| match error {
        CheckoutError::Overflow => Unsent::Overflow,
        CheckoutError::Dial(DialError { reset, source }) => {
            let outcome = Outcome::Reset { reset, written: false };
            Unsent::Failed(Error::attempt(outcome, Some(Box::new(Shared(source)))))
        }
    })
}

/// Whether a request may change the protocol on what was lent for it.
fn may_switch(leased: &Result<Lease, CheckoutError>, protocol: Protocol) -> bool {
    match leased {
        Ok(lease) => lease.may_switch(),
        Err(CheckoutError::Dial(_)) => protocol == Protocol::Http1,
        Err(CheckoutError::Overflow) => true,
    }
}

/// Sends the request, while there is time: from the end of its upload until response headers.
pub(super) async fn send_within(
    limit: Duration,
    lease: &mut Lease,
    mut boxed: BoxedRequest,
) -> Option<Result<Response<UpstreamBody>, Failure<BoxedRequest>>> {
    let uploaded = upload::watch(boxed.request_mut().body_mut());
    let expired = async {
        if let Some(uploaded) = uploaded {
            // An error means that the body was dropped: no more of it will be sent.
            let _ = uploaded.await;
        }
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        biased;
        result = lease.send(boxed) => Some(result),
        () = expired => None,
    }
}

/// Puts the target into the form of the protocol: origin-form and `Host`, or scheme and
/// `:authority`.
pub(super) fn address(request: &mut Request<Body>, protocol: Protocol, secure: bool) -> Result<(), BoxError> {
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    match protocol {
        Protocol::Http1 => {
            if let Some(authority) = request.uri().authority()
                && !request.headers().contains_key(HOST)
            {
                let host = HeaderValue::try_from(authority.as_str())?;
                request.headers_mut().insert(HOST, host);
            }
            *request.uri_mut() = Uri::from(path);
            *request.version_mut() = Version::HTTP_11;
        }
        Protocol::Http2 => {
            let host = request.headers_mut().remove(HOST);
            let authority = match (request.uri().authority(), host) {
                (Some(authority), _) => authority.clone(),
                (None, Some(host)) => Authority::try_from(host.as_bytes())?,
                (None, None) => return Err("a request without a host".into()),
            };
            let mut parts = http::uri::Parts::default();
            parts.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
            parts.authority = Some(authority);
            parts.path_and_query = Some(path);
            *request.uri_mut() = Uri::from_parts(parts)?;
            *request.version_mut() = Version::HTTP_2;
        }
    }
    Ok(())
}

/// A dial's error, shared by those who waited for it.
#[derive(Debug)]
struct Shared(Arc<BoxError>);

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
