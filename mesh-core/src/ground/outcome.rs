//! How an attempt ended, and whose fault it was.
//!
//! One classifier, used by retry, outlier detection, the balancer, the budget and the metrics
//! alike: two of them can never disagree on what a failure is.

use std::fmt;

use http::StatusCode;

pub use crate::grpc::GrpcCode;

/// Why there was no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reset {
    /// No connection could be made: refused, unreachable, TLS handshake failed.
    ConnectFailure,
    /// No connection was made in time.
    ConnectTimeout,
    /// The peer closed the connection before response headers.
    ConnectionTermination,
    /// The peer reset the stream.
    RemoteReset,
    /// The peer refused the stream (HTTP/2 `REFUSED_STREAM`, or above the last stream id of a GOAWAY).
    RemoteRefused,
    /// We reset the stream.
    LocalReset,
    /// The peer broke the protocol.
    Protocol,
}

impl Reset {
    /// Envoy's words (RF-2).
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ConnectFailure => "remote connection failure",
            Self::ConnectTimeout => "connection timeout",
            Self::ConnectionTermination => "connection termination",
            Self::RemoteReset => "remote reset",
            Self::RemoteRefused => "remote refused stream reset",
            Self::LocalReset => "local reset",
            Self::Protocol => "protocol error",
        }
    }
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// How one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A response arrived; for gRPC with its status, and whether that stood in real trailers.
    Response {
        /// The HTTP status.
        status: StatusCode,
        /// `grpc-status`, if this was gRPC and one was sent.
        grpc: Option<GrpcCode>,
        /// Whether `grpc` came in trailers rather than in headers (trailers-only).
        in_trailers: bool,
    },
    /// No response.
    Reset {
        /// Why.
        reset: Reset,
        /// Whether any byte of the request may have been written to the peer.
        written: bool,
    },
    /// The per-try timeout ran out.
    PerTryTimeout,
    /// The timeout of the whole request ran out during this attempt.
    Timeout,
    /// The caller went away; says nothing about the endpoint.
    Cancelled,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The endpoint's.
    Upstream,
    /// The caller's.
    Downstream,
    /// Ours: limits, no endpoint, injected.
    Local,
}

/// The verdict on an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It worked.
    Success,
    /// It did not.
    Failure(Fault),
}

impl Outcome {
    /// A plain HTTP response.
    #[must_use]
    pub const fn status(status: StatusCode) -> Self {
        Self::Response { status, grpc: None, in_trailers: false }
    }

    /// The one classifier: 5xx (for gRPC: the status that RF-5 maps to 5xx), resets and timeouts
    /// are the endpoint's failures; 4xx are answers.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Response { .. } => {
                if self.http_code() >= 500 {
                    Class::Failure(Fault::Upstream)
                } else {
                    Class::Success
                }
            }
            Self::Reset { reset: Reset::LocalReset, .. } => Class::Failure(Fault::Local),
            Self::Reset { .. } | Self::PerTryTimeout | Self::Timeout => Class::Failure(Fault::Upstream),
            Self::Cancelled => Class::Failure(Fault::Downstream),
        }
    }

    /// The HTTP status that stands for this outcome in counters (OD-2, OD-3): the response's own,
    /// a gRPC status mapped by RF-5, 503 for resets, 504 for timeouts, 499 for a caller that left.
    #[must_use]
    pub fn http_code(&self) -> u16 {
        match *self {
            Self::Response { grpc: Some(code), .. } => crate::grpc::http_of_grpc(code),
            Self::Response { status, .. } => status.as_u16(),
            Self::Reset { .. } => 503,
            Self::PerTryTimeout | Self::Timeout => 504,
            Self::Cancelled => 499,
        }
    }
}
