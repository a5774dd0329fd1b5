//! The facts that log lines and header values are made of, borrowed from where they are.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::Captured;
use crate::endpoint::Address;
use crate::outcome::GrpcCode;
use crate::reply::ResponseFlags;

/// The facts of one request (or TCP connection); an absent one is logged as `-` or `null`.
#[derive(Clone, Default)]
pub struct Record<'a> {
    /// When it began.
    pub start: Option<SystemTime>,
    /// The method; `None` for TCP.
    pub method: Option<&'a str>,
    /// Path and query as they went on.
    pub path: Option<&'a str>,
    /// `:scheme`.
    pub scheme: Option<&'a str>,
    /// `:authority` or `Host`.
    pub authority: Option<&'a str>,
    /// Such as `HTTP/1.1`; `None` for TCP.
    pub protocol: Option<&'a str>,
    /// The protocol spoken upstream.
    pub upstream_protocol: Option<&'a str>,
    /// Status; 0 when none was sent (AL-4).
    pub code: u16,
    /// Response flags.
    pub flags: ResponseFlags,
    /// Response code details.
    pub details: Option<&'a str>,
    /// Why the connection was ended, if we did.
    pub termination_details: Option<&'a str>,
    /// Why the upstream transport failed.
    pub transport_failure: Option<&'a str>,
    /// Body bytes from the caller.
    pub bytes_received: u64,
    /// Body bytes to the caller.
    pub bytes_sent: u64,
    /// From the first byte of the request to the last of the response.
    pub duration: Option<Duration>,
    /// Until the last byte of the request.
    pub request_duration: Option<Duration>,
    /// Until the first byte of the response.
    pub response_duration: Option<Duration>,
    /// From the first byte of the response to the last.
    pub response_tx_duration: Option<Duration>,
    /// The request's headers.
    pub request_headers: Option<&'a HeaderMap>,
    /// The response's headers.
    pub response_headers: Option<&'a HeaderMap>,
    /// The response's trailers.
    pub response_trailers: Option<&'a HeaderMap>,
    /// The headers kept for this line, where the whole maps above are gone.
    pub captured: Option<&'a Captured>,
    /// gRPC status, wherever it stood.
    pub grpc: Option<GrpcCode>,
    /// The endpoint that served.
    pub upstream_host: Option<&'a Address>,
    /// The cluster, `outbound|9080|v1|reviews.default.svc.cluster.local`.
    pub upstream_cluster: Option<&'a str>,
    /// Our end of the upstream connection.
    pub upstream_local: Option<SocketAddr>,
    /// Where the caller connected to.
    pub downstream_local: Option<SocketAddr>,
    /// The caller's address, as trusted headers give it.
    pub downstream_remote: Option<SocketAddr>,
    /// The peer of the connection itself.
    pub downstream_direct_remote: Option<SocketAddr>,
    /// SNI.
    pub server_name: Option<&'a str>,
    /// The route that served.
    pub route_name: Option<&'a str>,
    /// Tries made upstream.
    pub attempts: Option<u32>,
    /// URI SAN of the caller's certificate.
    pub downstream_peer_uri: Option<&'a str>,
    /// URI SAN of the endpoint's certificate.
    pub upstream_peer_uri: Option<&'a str>,
    /// Such as `TLSv1.3`.
    pub tls_version: Option<&'a str>,
    /// Cipher suite.
    pub tls_cipher: Option<&'a str>,
    /// This machine.
    pub hostname: Option<&'a str>,
    /// The source of `%METADATA(…)%` and `%CEL(…)%`.
    pub extra: Option<&'a dyn Extra>,
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("method", &self.method)
            .field("authority", &self.authority)
            .field("path", &self.path)
            .field("code", &self.code)
            .field("flags", &self.flags)
            .field("route_name", &self.route_name)
            .field("upstream_cluster", &self.upstream_cluster)
            .finish_non_exhaustive()
    }
}

/// An operator whose values this crate does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExtraKind {
    /// `%METADATA(…)%`.
    Metadata,
    /// `%CEL(…)%`.
    Cel,
}

/// Answers the operators whose values this crate does not hold.
pub trait Extra {
    /// Writes the value for `argument` to `out`; false if there is none.
    fn write(&self, kind: ExtraKind, argument: &str, out: &mut String) -> bool;
}
