//! The operators: `%NAME%`, `%NAME(argument)%`, `%NAME(argument):limit%` (AL-3, AL-5).

use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::time::{TimeFormat, write_rfc3339};
use super::{ExtraKind, FormatError, Record};
use crate::endpoint::Address;
use crate::outcome::GrpcCode;

/// One operator of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    kind: Kind,
    /// Most bytes of the value.
    limit: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    StartTime(Option<TimeFormat>),
    Request(Names),
    RequestWithoutQuery(Names),
    Response(Names),
    Trailer(Names),
    Grpc(GrpcForm),
    Extra(ExtraKind, Box<str>),
    Fact(Fact),
}

/// A header, and the one to take where it is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names(Name, Option<Name>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Header(HeaderName),
    Method,
    Scheme,
    Authority,
    Path,
    Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GrpcForm {
    Camel,
    Snake,
    Number,
}

/// Which part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    All,
    Ip,
    Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
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
    fn named(name: &str) -> Option<Self> {
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

impl Operator {
    /// Parses what follows a `%`; returns what follows the closing one.
    pub(super) fn parse(text: &str) -> Result<(Self, &str), FormatError> {
        let stop = text.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        let Some(stop) = stop else {
            return Err(FormatError::new(format!(
                "unbalanced % before {text:?}: a plain percent sign is %%"
            )));
        };
        let (name, mut rest) = text.split_at(stop);
        let mut argument = None;
        if let Some(inner) = rest.strip_prefix('(') {
            let end = inner
                .match_indices(')')
                .map(|(at, _)| at)
                .find(|&at| inner[at + 1..].starts_with(['%', ':']))
                .ok_or_else(|| FormatError::new(format!("%{name}(: the closing `)` is missing")))?;
            argument = Some(&inner[..end]);
            rest = &inner[end + 1..];
        }
        let mut limit = None;
        if let Some(digits) = rest.strip_prefix(':') {
            let end = digits.find('%').unwrap_or(digits.len());
            let number = digits[..end].parse();
            limit =
                Some(number.map_err(|_| FormatError::new(format!("%{name}: the length is not a number")))?);
            rest = &digits[end..];
        }
        let Some(rest) = rest.strip_prefix('%') else {
            return Err(FormatError::new(format!(
                "unbalanced % before {text:?}: a plain percent sign is %%"
            )));
        };
        let kind = Kind::new(name, argument)?;
        Ok((Self { kind, limit }, rest))
    }

    /// Appends the value; false (and nothing appended) if it is absent.
    pub(super) fn write(&self, record: &Record<'_>, out: &mut String) -> bool {
        let start = out.len();
        let found = self.kind.write(record, out);
        if let Some(limit) = self.limit {
            out.truncate(floor(out, start + limit));
        }
        found
    }

    /// Whether the value is a number, which JSON writes bare (AL-2).
    pub(super) const fn is_number(&self) -> bool {
        match self.kind {
            Kind::Grpc(form) => matches!(form, GrpcForm::Number),
            Kind::Fact(fact) => matches!(
                fact,
                Fact::ResponseCode
                    | Fact::BytesReceived
                    | Fact::BytesSent
                    | Fact::Duration
                    | Fact::RequestDuration
                    | Fact::ResponseDuration
                    | Fact::ResponseTxDuration
                    | Fact::Attempts
                    | Fact::UpstreamHost(Part::Port)
                    | Fact::UpstreamLocal(Part::Port)
                    | Fact::DownstreamLocal(Part::Port)
                    | Fact::DownstreamRemote(Part::Port)
                    | Fact::DownstreamDirectRemote(Part::Port)
            ),
            _ => false,
        }
    }

    pub(super) fn extra(&self) -> Option<(ExtraKind, &str)> {
        match &self.kind {
            Kind::Extra(kind, argument) => Some((*kind, argument)),
            _ => None,
        }
    }
}

/// The last character boundary at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

impl Kind {
    fn new(name: &str, argument: Option<&str>) -> Result<Self, FormatError> {
        let names = || match argument {
            Some(argument) if !argument.is_empty() => Names::parse(argument),
            _ => Err(FormatError::new(format!("%{name}% needs a header name in parentheses"))),
        };
        let text = || match argument {
            Some(argument) if !argument.is_empty() => Ok(argument.into()),
            _ => Err(FormatError::new(format!("%{name}% needs an argument in parentheses"))),
        };
        match name {
            "START_TIME" => {
                let format = argument.filter(|argument| !argument.is_empty());
                return format.map(TimeFormat::parse).transpose().map(Self::StartTime);
            }
            "REQ" => return names().map(Self::Request),
            "REQ_WITHOUT_QUERY" => return names().map(Self::RequestWithoutQuery),
            "RESP" => return names().map(Self::Response),
            "TRAILER" => return names().map(Self::Trailer),
            "METADATA" => return text().map(|text| Self::Extra(ExtraKind::Metadata, text)),
            "CEL" => return text().map(|text| Self::Extra(ExtraKind::Cel, text)),
            "GRPC_STATUS" => {
                return match argument {
                    None | Some("" | "CAMEL_STRING") => Ok(Self::Grpc(GrpcForm::Camel)),
                    Some("SNAKE_STRING") => Ok(Self::Grpc(GrpcForm::Snake)),
                    Some("NUMBER") => Ok(Self::Grpc(GrpcForm::Number)),
                    Some(other) => Err(FormatError::new(format!("%GRPC_STATUS({other})%: unknown form"))),
                };
            }
            "GRPC_STATUS_NUMBER" => return Ok(Self::Grpc(GrpcForm::Number)),
            _ => {}
        }
        let fact = Fact::named(name).ok_or_else(|| FormatError::new(format!("unknown operator %{name}%")))?;
        match argument {
            None | Some("") => Ok(Self::Fact(fact)),
            Some(_) => Err(FormatError::new(format!("%{name}% takes no argument"))),
        }
    }

    fn write(&self, record: &Record<'_>, out: &mut String) -> bool {
        match self {
            Self::StartTime(format) => match (record.start, format) {
                (None, _) => false,
                (Some(time), None) => {
                    write_rfc3339(time, out);
                    true
                }
                (Some(time), Some(format)) => {
                    format.write(time, out);
                    true
                }
            },
            Self::Request(names) => names.write(out, |name, out| name.request(record, out)),
            Self::RequestWithoutQuery(names) => {
                let start = out.len();
                let found = names.write(out, |name, out| name.request(record, out));
                if let Some(query) = out[start..].find('?') {
                    out.truncate(start + query);
                }
                found
            }
            Self::Response(names) => names.write(out, |name, out| name.response(record, out)),
            Self::Trailer(names) => names.write(out, |name, out| name.header(record.response_trailers, out)),
            Self::Grpc(form) => grpc(record.grpc, *form, out),
            Self::Extra(kind, argument) => {
                let start = out.len();
                let found = record.extra.is_some_and(|extra| extra.write(*kind, argument, out));
                if !found {
                    out.truncate(start);
                }
                found
            }
            Self::Fact(fact) => fact.write(record, out),
        }
    }
}

impl Names {
    fn parse(text: &str) -> Result<Self, FormatError> {
        let (first, second) = match text.split_once('?') {
            Some((first, second)) => (first, Some(second)),
            None => (text, None),
        };
        Ok(Self(Name::parse(first)?, second.map(Name::parse).transpose()?))
    }

    fn write(&self, out: &mut String, write: impl Fn(&Name, &mut String) -> bool) -> bool {
        write(&self.0, out) || self.1.as_ref().is_some_and(|second| write(second, out))
    }
}

impl Name {
    fn parse(text: &str) -> Result<Self, FormatError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            ":method" => Self::Method,
            ":scheme" => Self::Scheme,
            ":authority" | "host" => Self::Authority,
            ":path" => Self::Path,
            ":status" => Self::Status,
            name => Self::Header(
                HeaderName::try_from(name)
                    .map_err(|_| FormatError::new(format!("{text:?} is not a header name")))?,
            ),
        })
    }

    fn request(&self, record: &Record<'_>, out: &mut String) -> bool {
        match self {
            Self::Method => push(out, record.method),
            Self::Scheme => push(out, record.scheme),
            Self::Authority => push(out, record.authority),
            Self::Path => push(out, record.path),
            Self::Status => false,
            Self::Header(_) => self.header(record.request_headers, out),
        }
    }

    fn response(&self, record: &Record<'_>, out: &mut String) -> bool {
        match self {
            Self::Status if record.code != 0 => number(out, record.code.into()),
            Self::Header(_) => self.header(record.response_headers, out),
            Self::Status | Self::Method | Self::Scheme | Self::Authority | Self::Path => false,
        }
    }

    fn header(&self, headers: Option<&HeaderMap>, out: &mut String) -> bool {
        let (Self::Header(name), Some(headers)) = (self, headers) else { return false };
        let start = out.len();
        for (index, value) in headers.get_all(name).iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            match std::str::from_utf8(value.as_bytes()) {
                Ok(text) => out.push_str(text),
                Err(_) => out.push_str(&String::from_utf8_lossy(value.as_bytes())),
            }
        }
        // An empty value is as absent as none.
        out.len() > start
    }
}

impl Fact {
    fn write(self, record: &Record<'_>, out: &mut String) -> bool {
        match self {
            Self::Protocol => push(out, record.protocol),
            Self::UpstreamProtocol => push(out, record.upstream_protocol),
            Self::ResponseCode => number(out, record.code.into()),
            Self::Details => push(out, record.details),
            Self::TerminationDetails => push(out, record.termination_details),
            Self::TransportFailure => push(out, record.transport_failure),
            Self::Flags => !record.flags.is_empty() && show(out, record.flags),
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

fn push(out: &mut String, text: Option<&str>) -> bool {
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

fn number(out: &mut String, mut value: u64) -> bool {
    let mut buffer = [0_u8; 20];
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend(buffer[at..].iter().map(|&byte| char::from(byte)));
    true
}

fn millis(out: &mut String, duration: Option<Duration>) -> bool {
    duration.is_some_and(|duration| number(out, u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}

fn socket(out: &mut String, address: Option<SocketAddr>, part: Part) -> bool {
    address.is_some_and(|address| match part {
        Part::All => show(out, address),
        Part::Ip => show(out, address.ip()),
        Part::Port => number(out, address.port().into()),
    })
}

/// gRPC status names, in camel and in snake form.
const GRPC: [(&str, &str); 17] = [
    ("OK", "OK"),
    ("Canceled", "CANCELLED"),
    ("Unknown", "UNKNOWN"),
    ("InvalidArgument", "INVALID_ARGUMENT"),
    ("DeadlineExceeded", "DEADLINE_EXCEEDED"),
    ("NotFound", "NOT_FOUND"),
    ("AlreadyExists", "ALREADY_EXISTS"),
    ("PermissionDenied", "PERMISSION_DENIED"),
    ("ResourceExhausted", "RESOURCE_EXHAUSTED"),
    ("FailedPrecondition", "FAILED_PRECONDITION"),
    ("Aborted", "ABORTED"),
    ("OutOfRange", "OUT_OF_RANGE"),
    ("Unimplemented", "UNIMPLEMENTED"),
    ("Internal", "INTERNAL"),
    ("Unavailable", "UNAVAILABLE"),
    ("DataLoss", "DATA_LOSS"),
    ("Unauthenticated", "UNAUTHENTICATED"),
];

fn grpc(code: Option<GrpcCode>, form: GrpcForm, out: &mut String) -> bool {
    let Some(code) = code else { return false };
    match (GRPC.get(usize::from(code)), form) {
        (_, GrpcForm::Number) | (None, _) => number(out, code.into()),
        (Some((camel, _)), GrpcForm::Camel) => push(out, Some(camel)),
        (Some((_, snake)), GrpcForm::Snake) => push(out, Some(snake)),
    }
}
