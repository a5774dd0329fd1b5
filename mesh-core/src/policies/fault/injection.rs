//! The faults that are injected into one request, and their counts.

use std::time::Duration;

use http::StatusCode;

use crate::outcome::GrpcCode;
use crate::reply::LocalReply;
use crate::units::Percent;

/// A delay for a share of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// How long.
    pub duration: Duration,
    /// How often.
    pub percent: Percent,
}

/// A slow response for a share of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// How much of the body is passed on in a second; at least 1.
    pub bytes_per_second: u64,
    /// How often.
    pub percent: Percent,
}

/// A failure in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The HTTP status; 200 where `grpc` is set.
    pub status: StatusCode,
    /// The gRPC status.
    pub grpc: Option<GrpcCode>,
}

impl Abort {
    /// An abort by HTTP status.
    #[must_use]
    pub const fn http(status: StatusCode) -> Self {
        Self { status, grpc: None }
    }

    /// An abort by gRPC status.
    #[must_use]
    pub const fn grpc(code: GrpcCode) -> Self {
        Self { status: StatusCode::OK, grpc: Some(code) }
    }

    /// The reply (FI-5). [`LocalReply::response`] decides its form: for a gRPC request an HTTP status
    /// is mapped (RF-4); a gRPC status goes to every caller.
    #[must_use]
    pub fn reply(&self) -> LocalReply {
        LocalReply::fault_abort(self.status, self.grpc)
    }
}

/// The faults of one request: first the delay, then the abort (FI-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Injection {
    /// Wait this long first.
    pub delay: Option<Duration>,
    /// Then answer with this.
    pub abort: Option<Abort>,
    /// Otherwise pass the response on at this many bytes a second.
    pub throttle: Option<u64>,
}

impl Injection {
    /// Nothing is injected.
    pub const NONE: Self = Self { delay: None, abort: None, throttle: None };

    /// Whether nothing is injected.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.delay.is_none() && self.abort.is_none() && self.throttle.is_none()
    }
}
