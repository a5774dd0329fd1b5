//! Operators without an argument that matters: one plain fact each.

use std::fmt::{Display, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::super::{Record, digits};
use crate::endpoint::Address;

/// Which part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Ip,
    Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Protocol,
    UpstreamProtocol,
    ResponseCode,
    Details,
    TerminationDetails,
    TransportFailure,
    Flags,
    BytesReceived,
    BytesSent,
    Duration,
    RequestDuration,
    ResponseDuration,
    ResponseTxDuration,
    UpstreamHost(Part),
    UpstreamCluster,
    UpstreamLocal(Part),
    DownstreamLocal(Part),
    DownstreamRemote(Part),
    DownstreamDirectRemote(Part),
    ServerName,
    RouteName,
    Attempts,
    DownstreamPeerUri,
    UpstreamPeerUri,
    TlsVersion,
    TlsCipher,
    Hostname,
}

impl Fact {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "PROTOCOL" => Self::Protocol,
            "UPSTREAM_PROTOCOL" => Self::UpstreamProtocol,
            "RESPONSE_CODE" => Self::ResponseCode,
            "RESPONSE_CODE_DETAILS" => Self::Details,
            "CONNECTION_TERMINATION_DETAILS" => Self::TerminationDetails,
            "UPSTREAM_TRANSPORT_FAILURE_REASON" => Self::TransportFailure,
            "RESPONSE_FLAGS" => Self::Flags,
            "BYTES_RECEIVED" => Self::BytesReceived,
            "BYTES_SENT" => Self::BytesSent,
            "DURATION" => Self::Duration,
            "REQUEST_DURATION" => Self::RequestDuration,
            "RESPONSE_DURATION" => Self::ResponseDuration,
            "RESPONSE_TX_DURATION" => Self::ResponseTxDuration,
            "UPSTREAM_HOST" | "UPSTREAM_REMOTE_ADDRESS" => Self::UpstreamHost(Part::All),
            "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => Self::UpstreamHost(Part::Ip),
            "UPSTREAM_REMOTE_PORT" => Self::UpstreamHost(Part::Port),
            "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => Self::UpstreamCluster,
            "UPSTREAM_LOCAL_ADDRESS" => Self::UpstreamLocal(Part::All),
            "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT" => Self::UpstreamLocal(Part::Ip),
            "UPSTREAM_LOCAL_PORT" => Self::UpstreamLocal(Part::Port),
            "DOWNSTREAM_LOCAL_ADDRESS" => Self::DownstreamLocal(Part::All),
            "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT" => Self::DownstreamLocal(Part::Ip),
            "DOWNSTREAM_LOCAL_PORT" => Self::DownstreamLocal(Part::Port),
            "DOWNSTREAM_REMOTE_ADDRESS" => Self::DownstreamRemote(Part::All),
            "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => Self::DownstreamRemote(Part::Ip),
            "DOWNSTREAM_REMOTE_PORT" => Self::DownstreamRemote(Part::Port),
            "DOWNSTREAM_DIRECT_REMOTE_ADDRESS" => Self::DownstreamDirectRemote(Part::All),
            "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT" => Self::DownstreamDirectRemote(Part::Ip),
            "DOWNSTREAM_DIRECT_REMOTE_PORT" => Self::DownstreamDirectRemote(Part::Port),
            "REQUESTED_SERVER_NAME" => Self::ServerName,
            "ROUTE_NAME" => Self::RouteName,
            "UPSTREAM_REQUEST_ATTEMPT_COUNT" => Self::Attempts,
            "DOWNSTREAM_PEER_URI_SAN" => Self::DownstreamPeerUri,
            "UPSTREAM_PEER_URI_SAN" => Self::UpstreamPeerUri,
            "DOWNSTREAM_TLS_VERSION" => Self::TlsVersion,
            "DOWNSTREAM_TLS_CIPHER" => Self::TlsCipher,
            "HOSTNAME" => Self::Hostname,
            _ => return None,
        })
    }
}

impl Fact {
    /// Whether the value is a number, which JSON writes bare (AL-2).
    pub(super) const fn is_number(self) -> bool {
        matches!(
            self,
            Self::ResponseCode
                | Self::BytesReceived
                | Self::BytesSent
                | Self::Duration
                | Self::RequestDuration
                | Self::ResponseDuration
                | Self::ResponseTxDuration
                | Self::Attempts
                | Self::UpstreamHost(Part::Port)
                | Self::UpstreamLocal(Part::Port)
                | Self::DownstreamLocal(Part::Port)
                | Self::DownstreamRemote(Part::Port)
                | Self::DownstreamDirectRemote(Part::Port)
        )
    }
}

impl Fact {
    pub(super) fn write(self, record: &Record<'_>, out: &mut String) -> bool {
        match self {
            Self::Protocol => push(out, record.protocol),
            Self::UpstreamProtocol => push(out, record.upstream_protocol),
            Self::ResponseCode => number(out, record.code.into()),
            Self::Details => push(out, record.details),
            Self::TerminationDetails => push(out, record.termination_details),
            Self::TransportFailure => push(out, record.transport_failure),
            // None is `-`, which is Envoy's value and not its word for nothing.
            Self::Flags => show(out, record.flags),
            Self::BytesReceived => number(out, record.bytes_received),
            Self::BytesSent => number(out, record.bytes_sent),
            Self::Duration => millis(out, record.duration),
            Self::RequestDuration => millis(out, record.request_duration),
            Self::ResponseDuration => millis(out, record.response_duration),
            Self::ResponseTxDuration => millis(out, record.response_tx_duration),
            Self::UpstreamHost(part) => match record.upstream_host {
                Some(Address::Socket(address)) => socket(out, Some(*address), part),
                Some(unix @ Address::Unix(_)) => part != Part::Port && show(out, unix),
                None => false,
            },
            Self::UpstreamCluster => push(out, record.upstream_cluster),
            Self::UpstreamLocal(part) => socket(out, record.upstream_local, part),
            Self::DownstreamLocal(part) => socket(out, record.downstream_local, part),
            Self::DownstreamRemote(part) => socket(out, record.downstream_remote, part),
            Self::DownstreamDirectRemote(part) => socket(out, record.downstream_direct_remote, part),
            Self::ServerName => push(out, record.server_name),
            Self::RouteName => push(out, record.route_name),
            Self::Attempts => record.attempts.is_some_and(|attempts| number(out, attempts.into())),
            Self::DownstreamPeerUri => push(out, record.downstream_peer_uri),
            Self::UpstreamPeerUri => push(out, record.upstream_peer_uri),
            Self::TlsVersion => push(out, record.tls_version),
            Self::TlsCipher => push(out, record.tls_cipher),
            Self::Hostname => push(out, record.hostname),
        }
    }
}

pub(super) fn push(out: &mut String, text: Option<&str>) -> bool {
    match text {
        Some(text) if !text.is_empty() => {
            out.push_str(text);
            true
        }
        _ => false,
    }
}

fn show(out: &mut String, value: impl Display) -> bool {
    // Writing to a String cannot fail.
    write!(out, "{value}").is_ok()
}

pub(super) fn number(out: &mut String, value: u64) -> bool {
    digits::write(out, value);
    true
}

fn millis(out: &mut String, duration: Option<Duration>) -> bool {
    duration.is_some_and(|duration| number(out, u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}

fn socket(out: &mut String, address: Option<SocketAddr>, part: Part) -> bool {
    address.is_some_and(|address| match part {
        Part::All => match address {
            SocketAddr::V4(v4) => {
                digits::ipv4(out, *v4.ip(), Some(v4.port()));
                true
            }
            SocketAddr::V6(v6) => show(out, v6),
        },
        Part::Ip => match address.ip() {
            IpAddr::V4(v4) => {
                digits::ipv4(out, v4, None);
                true
            }
            IpAddr::V6(v6) => show(out, v6),
        },
        Part::Port => number(out, address.port().into()),
    })
}
