//! The action of a route (VA).

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use super::{HeaderOps, Redirect};
use crate::balance::HashPolicy;
use crate::endpoint::ClusterId;
use crate::error::Origin;
use crate::field::{FieldError, FieldErrors};
use crate::reply::{Dialect, LocalReply, has_no_body};
use crate::split::{SplitError, WeightedSplit};
use crate::units::Percent;

/// The action of a route on a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// It goes to one of the destinations.
    Forward(Forward),
    /// It goes where it was going (H-8).
    Passthrough,
    /// The caller is sent elsewhere (VA-8).
    Redirect(Redirect),
    /// The answer is in the configuration (VA-9).
    DirectResponse(DirectResponse),
    /// What would say it is refused, and never was good: the named document's mistake must not become a call
    /// that it forbids (Y-12).
    Refused(Arc<str>),
}

/// Weighted destinations.
#[derive(Clone, Debug)]
pub struct Forward {
    destinations: Vec<Destination>,
    split: WeightedSplit,
    /// The status for a share whose cluster is unknown: 503, under the Gateway API 500 (VA-2, GA-6).
    pub unknown_cluster: StatusCode,
    /// The keys of the destinations; `None` if none of them balances by hash (LB-5).
    pub hash: Option<Arc<HashPolicy>>,
    /// Mixed into a key to choose the destination by it; `None` if the destination is drawn whatever the
    /// key.
    pub sticky: Option<u64>,
}

impl Forward {
    /// Sends everything to one cluster.
    #[must_use]
    pub fn to(cluster: ClusterId) -> Self {
        Self {
            split: WeightedSplit::single(),
            destinations: vec![Destination::new(cluster)],
            unknown_cluster: StatusCode::SERVICE_UNAVAILABLE,
            hash: None,
            sticky: None,
        }
    }

    /// Sends to these destinations by weight.
    ///
    /// # Errors
    /// If there is no destination, or several whose weights add up to 0 or to more than 2³²−1
    /// (VA-3).
    pub fn new(destinations: Vec<Destination>) -> Result<Self, SplitError> {
        let weights: Vec<_> = destinations.iter().map(|destination| destination.weight).collect();
        let split = WeightedSplit::new(&weights)?;
        let unknown_cluster = StatusCode::SERVICE_UNAVAILABLE;
        Ok(Self { destinations, split, unknown_cluster, hash: None, sticky: None })
    }

    /// The destinations, those of weight 0 included.
    #[must_use]
    pub fn destinations(&self) -> &[Destination] {
        &self.destinations
    }

    /// Gives the clusters of the destinations other numbers.
    pub(crate) fn renumber(&mut self, number: impl Fn(ClusterId) -> ClusterId) {
        for destination in &mut self.destinations {
            destination.cluster = number(destination.cluster);
        }
    }

    /// The one destination that is ever drawn, if there is but one (VA-3).
    pub(super) fn lone(&mut self) -> Option<&mut Destination> {
        if self.destinations.len() == 1 {
            return self.destinations.first_mut();
        }
        let mut drawn = self.destinations.iter_mut().filter(|destination| destination.weight > 0);
        drawn.next().filter(|_| drawn.next().is_none())
    }

    /// Draws among the destinations.
    #[must_use]
    pub const fn split(&self) -> &WeightedSplit {
        &self.split
    }
}

/// One destination of a route.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The cluster; [`ClusterId::UNKNOWN`] if the host or subset does not exist (VA-2).
    pub cluster: ClusterId,
    /// Its weight among its siblings (VA-3).
    pub weight: u32,
    /// Operations on request headers on the way to it.
    pub request_headers: HeaderOps,
    /// Operations on response headers on the way back.
    pub response_headers: HeaderOps,
    /// Where it was written.
    pub origin: Origin,
}

impl Destination {
    /// A destination of weight 1 with no header operations.
    #[must_use]
    pub fn new(cluster: ClusterId) -> Self {
        Self {
            cluster,
            weight: 1,
            request_headers: HeaderOps::default(),
            response_headers: HeaderOps::default(),
            origin: Origin::default(),
        }
    }
}

/// A copy of the request goes to another cluster (VA-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Where to.
    pub cluster: ClusterId,
    /// The share of requests that is copied; drawn for each mirror on its own.
    pub percent: Percent,
}

/// An answer from the configuration (VA-9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectResponse {
    /// Status, 200–599.
    pub status: StatusCode,
    /// Body; may be empty.
    pub body: Bytes,
}

impl DirectResponse {
    /// Most bytes that a body may have (VA-9).
    pub const MAX_BODY: usize = 1 << 20;

    /// An answer of this status and body.
    ///
    /// # Errors
    /// If the status is not within 200 and 599, or the body has more than [`MAX_BODY`](Self::MAX_BODY) bytes.
    pub fn new(status: u32, body: Bytes) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let status = errors.answer_status("status", status).unwrap_or_default();
        let size = body.len();
        if size > Self::MAX_BODY {
            let message = format!("the body has {size} bytes; at most {} are allowed", Self::MAX_BODY);
            errors.push(FieldError::new("body", message));
        }
        errors.or(Self { status, body })
    }

    /// The answer; `text/plain` until the rule's header operations say otherwise. A gRPC call gets a
    /// gRPC status (RF-4).
    #[must_use]
    pub fn response(&self, dialect: impl Into<Dialect>) -> Response<Bytes> {
        let dialect = dialect.into();
        if dialect != Dialect::Http {
            let body = String::from_utf8_lossy(&self.body).into_owned();
            return LocalReply::configured(self.status).body(body).response(dialect).map(|_| Bytes::new());
        }
        let body = if has_no_body(self.status) { Bytes::new() } else { self.body.clone() };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        if !self.body.is_empty() {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn va_9_each_field_that_breaks_a_rule_is_named() {
        let refused = |status, size| {
            DirectResponse::new(status, vec![0; size].into()).map_err(|errors| errors.to_string()).err()
        };
        assert_eq!((refused(200, 0), refused(599, DirectResponse::MAX_BODY)), (None, None));
        for status in [0, 199, 600, 70_000] {
            let message = format!("status: must be a status from 200 to 599, not {status}");
            assert_eq!(refused(status, 0), Some(message));
        }
        let message = "body: the body has 1048577 bytes; at most 1048576 are allowed";
        assert_eq!(refused(200, DirectResponse::MAX_BODY + 1).as_deref(), Some(message));
    }

    #[test]
    fn va_9_a_body_is_plain_text_and_nothing_has_no_type() {
        let answer = |body: &'static str| DirectResponse {
            status: StatusCode::IM_A_TEAPOT,
            body: Bytes::from_static(body.as_bytes()),
        };
        let said = answer("short and stout").response(false);
        assert_eq!((said.status().as_u16(), &said.body()[..]), (418, &b"short and stout"[..]));
        assert_eq!(said.headers()["content-type"], "text/plain");
        let silent = answer("").response(false);
        assert_eq!((silent.status().as_u16(), silent.headers().get("content-type")), (418, None));
        let bodiless = DirectResponse { status: StatusCode::NO_CONTENT, body: "no".into() }.response(false);
        assert_eq!(
            (bodiless.body().len(), &bodiless.headers()["content-type"]),
            (0, &"text/plain".parse().unwrap())
        );
        // RF-4: to gRPC it is a status and a message.
        let told = answer("short and stout").response(true);
        assert_eq!((told.status().as_u16(), told.body().len()), (200, 0));
        assert_eq!(told.headers()["grpc-message"], "short and stout");
    }
}
