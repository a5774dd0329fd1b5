//! The outcome of one step behind one proxy, as lines to compare.

use http::HeaderMap;
use mesh_tests::headers::PASSING;
use serde_json::{Map, Value};

use super::backend::Arrival;
use super::client::Answer;
use super::{Backends, log};

/// Headers that differ from one request to the next, or on purpose in every request; `docs/differences-from-envoy.md`
/// explains `traces` and the reason header.
const NOT_COMPARED: [&str; 6] =
    ["x-step", "x-script", "x-answer", "x-mesh-reason", "traceparent", "tracestate"];
/// Headers whose presence is compared, but not their value.
const ANY_VALUE: [&str; 3] = ["x-request-id", "x-envoy-upstream-service-time", "grpc-timeout"];

/// The outcome of one step behind one proxy.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) answer: Answer,
    pub(crate) log: Map<String, Value>,
    pub(crate) arrivals: Vec<Arrival>,
    lines: Vec<String>,
}

impl Seen {
    pub(super) fn new(
        answer: Answer,
        log: Map<String, Value>,
        arrivals: Vec<Arrival>,
        backends: &Backends,
    ) -> Self {
        let mut lines = vec![format!("status {}", answer.status)];
        lines.extend(fields("header", &answer.headers));
        lines.push(format!("body {:?}", answer.body));
        lines.extend(fields("trailer", &answer.trailers));
        for (name, _) in &log::FIELDS[1..] {
            if *name == "received" && arrivals.is_empty() {
                // Chance decides how much of a body arrives before the refusal.
                continue;
            }
            lines.push(format!("log {name}: {}", plain(&log[*name], backends)));
        }
        for (index, arrival) in arrivals.iter().enumerate() {
            lines.extend(received(&format!("attempt {}", index + 1), arrival));
        }
        Self { answer, log, arrivals, lines }
    }

    /// All lines, one for each fact.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The status that the caller got.
    pub(crate) fn status(&self) -> u16 {
        self.answer.status
    }

    /// A header that the caller got, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A field of the access log as text.
    pub(crate) fn logged(&self, name: &str) -> &str {
        self.log[name].as_str().unwrap_or("-")
    }

    /// A header of an attempt, its values joined, or nothing.
    pub(crate) fn sent(&self, attempt: usize, name: &str) -> String {
        joined(&self.arrivals[attempt - 1].headers, name)
    }

    /// The request lines that the backends received.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.arrivals.iter().map(|one| format!("{}: {}", one.backend, one.line)).collect()
    }
}

/// A request as a backend received it, one line for each fact.
pub(super) fn received(what: &str, arrival: &Arrival) -> Vec<String> {
    let mut lines = vec![format!("{what} at {}: {}", arrival.backend, arrival.line)];
    lines.extend(fields(&format!("{what} header"), &arrival.headers));
    lines.push(format!("{what} body {:?}", String::from_utf8_lossy(&arrival.body)));
    lines
}

fn joined(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
    values.join("|")
}

/// Headers by name; the order of names has no meaning, the order of values has.
fn fields(what: &str, headers: &HeaderMap) -> Vec<String> {
    let mut names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names.retain(|name| !PASSING.contains(name) && !NOT_COMPARED.contains(name));
    // The framing decides whether an empty body is announced.
    names.retain(|name| *name != "content-length" || headers[*name] != "0");
    let value = |name: &str| match name {
        _ if ANY_VALUE.contains(&name) => "…".to_owned(),
        "x-forwarded-for" => without_peer(&joined(headers, name)),
        _ => joined(headers, name),
    };
    names.into_iter().map(|name| format!("{what} {name}: {}", value(name))).collect()
}

/// The peer is 127.0.0.1 to us; Envoy writes the machine's own address for a peer on the loopback.
fn without_peer(forwarded: &str) -> String {
    let peer = forwarded.rsplit(',').next().unwrap_or_default().trim();
    let tell = |address: &str| if address.trim() == peer { "peer" } else { address.trim() }.to_owned();
    forwarded.split(',').map(tell).collect::<Vec<_>>().join(",")
}

/// A value of the log; an address is the backend's name.
fn plain(value: &Value, backends: &Backends) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => backends.name(text).unwrap_or(text).to_owned(),
        other => other.to_string(),
    }
}
