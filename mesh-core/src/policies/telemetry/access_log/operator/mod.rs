//! The operators: `%NAME%`, `%NAME(argument)%`, `%NAME(argument):limit%` (AL-3, AL-5).

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

use self::fact::{Fact, number, push};
use super::captured::Wanted;
use super::time::{TimeFormat, write_rfc3339};
use super::{ExtraKind, FormatError, Record};
use crate::outcome::GrpcCode;

mod fact;

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
            Kind::Fact(fact) => fact.is_number(),
            Kind::StartTime(_)
            | Kind::Request(_)
            | Kind::RequestWithoutQuery(_)
            | Kind::Response(_)
            | Kind::Trailer(_)
            | Kind::Extra(..) => false,
        }
    }

    /// The headers that the operator names.
    pub(super) fn wanted(&self, wanted: &mut Wanted) {
        let (names, to) = match &self.kind {
            Kind::Request(names) | Kind::RequestWithoutQuery(names) => (names, &mut wanted.request),
            Kind::Response(names) => (names, &mut wanted.response),
            Kind::Trailer(names) => (names, &mut wanted.trailers),
            Kind::StartTime(_) | Kind::Grpc(_) | Kind::Extra(..) | Kind::Fact(_) => return,
        };
        for name in [Some(&names.0), names.1.as_ref()].into_iter().flatten() {
            if let Name::Header(name) = name {
                Wanted::add(to, name);
            }
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
            Self::Trailer(names) => names.write(out, |name, out| {
                name.header(record.response_trailers, record.captured.map(|kept| &*kept.trailers), out)
            }),
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
            Self::Header(_) => {
                self.header(record.request_headers, record.captured.map(|kept| &*kept.request), out)
            }
        }
    }

    fn response(&self, record: &Record<'_>, out: &mut String) -> bool {
        match self {
            Self::Status if record.code != 0 => number(out, record.code.into()),
            Self::Header(_) => {
                self.header(record.response_headers, record.captured.map(|kept| &*kept.response), out)
            }
            Self::Status | Self::Method | Self::Scheme | Self::Authority | Self::Path => false,
        }
    }

    fn header(
        &self,
        headers: Option<&HeaderMap>,
        captured: Option<&[(HeaderName, HeaderValue)]>,
        out: &mut String,
    ) -> bool {
        let Self::Header(name) = self else { return false };
        match (headers, captured) {
            (Some(headers), _) => join(name, headers.get_all(name).iter(), out),
            (None, Some(captured)) => {
                join(name, captured.iter().filter(|(kept, _)| kept == name).map(|(_, value)| value), out)
            }
            (None, None) => false,
        }
    }
}

/// Appends the values of one header; an empty value is as absent as none.
fn join<'a>(name: &HeaderName, values: impl Iterator<Item = &'a HeaderValue>, out: &mut String) -> bool {
    let start = out.len();
    // Cookies in several lines are one (RFC 9113 section 8.2.3).
    let separator = if *name == COOKIE { "; " } else { "," };
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        match str::from_utf8(value.as_bytes()) {
            Ok(text) => out.push_str(text),
            Err(_) => out.push_str(&String::from_utf8_lossy(value.as_bytes())),
        }
    }
    out.len() > start
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
