//! Formats of a whole line: text, or JSON (AL-1, AL-2, AL-5).

use std::sync::Arc;

use http::HeaderMap;

use super::captured::{Wanted, copy};
use super::{Captured, ExtraKind, FormatError, Record, Template, json};

#[cfg(test)]
mod tests;

/// Istio's default line (AL-1).
const TEXT: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
    %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% \
    \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
    %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \
    \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% \
    %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% \
    %REQUESTED_SERVER_NAME% %ROUTE_NAME%";

/// Istio's default JSON keys, sorted (AL-2).
const JSON: &[(&str, &str)] = &[
    ("authority", "%REQ(:AUTHORITY)%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("duration", "%DURATION%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("route_name", "%ROUTE_NAME%"),
    ("start_time", "%START_TIME%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
];

/// The text for an absent value.
const ABSENT: &str = "-";

/// A parsed format of access log lines; cloning shares it.
#[derive(Clone, Debug)]
pub struct Format(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    node: Node,
    wanted: Wanted,
    /// The text for an absent value; `None` if keys without a value are left out of JSON too.
    absent: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Node {
    Line(Template),
    Value(Template),
    Literal(Box<str>),
    List(Vec<Self>),
    /// Keys are ready to be written: `"key":`.
    Object(Vec<(Box<str>, Self)>),
}

impl Format {
    /// Parses a text format.
    ///
    /// # Errors
    /// If a `%` is unbalanced or an operator is unknown.
    pub fn text(format: &str) -> Result<Self, FormatError> {
        Template::parse(format.trim_end_matches('\n')).map(|template| Self::new(Node::Line(template)))
    }

    /// Istio's default line (AL-1).
    #[must_use]
    pub fn default_text() -> Self {
        built_in(Self::text(TEXT))
    }

    /// Istio's default JSON (AL-2).
    #[must_use]
    pub fn default_json() -> Self {
        let pairs = JSON.iter().map(|&(key, value)| (key.to_owned(), value.into())).collect();
        built_in(Self::json(&pairs))
    }

    /// Parses a JSON format: strings are templates; objects and lists may be nested; keys are sorted.
    ///
    /// # Errors
    /// If a `%` is unbalanced or an operator is unknown.
    pub fn json(labels: &serde_json::Map<String, serde_json::Value>) -> Result<Self, FormatError> {
        object(labels).map(Self::new)
    }

    fn new(node: Node) -> Self {
        let mut wanted = Wanted::default();
        node.wanted(&mut wanted);
        Self(Arc::new(Parsed { node, wanted, absent: Some(ABSENT) }))
    }

    /// The same without what is absent: no `-` in text, no key that would be `null` in JSON.
    #[must_use]
    pub fn omit_empty(self) -> Self {
        let Parsed { node, wanted, .. } = &*self.0;
        Self(Arc::new(Parsed { node: node.clone(), wanted: wanted.clone(), absent: None }))
    }

    /// Copies the request headers that this format names.
    pub fn capture_request(&self, headers: &HeaderMap, captured: &mut Captured) {
        copy(&self.0.wanted.request, headers, &mut captured.request);
    }

    /// Copies the response headers that this format names.
    pub fn capture_response(&self, headers: &HeaderMap, captured: &mut Captured) {
        copy(&self.0.wanted.response, headers, &mut captured.response);
    }

    /// Copies the trailers that this format names.
    pub fn capture_trailers(&self, trailers: &HeaderMap, captured: &mut Captured) {
        copy(&self.0.wanted.trailers, trailers, &mut captured.trailers);
    }

    /// Appends one line, with its newline.
    pub fn write(&self, record: &Record<'_>, out: &mut String) {
        self.0.node.write(record, self.0.absent, out);
        out.push('\n');
    }

    /// The operators whose values come from [`super::Extra`], with their arguments.
    #[must_use]
    pub fn extras(&self) -> Vec<(ExtraKind, &str)> {
        let mut extras = Vec::new();
        self.0.node.extras(&mut extras);
        extras
    }
}

fn built_in(format: Result<Format, FormatError>) -> Format {
    format.expect("the formats above parse, as a test shows")
}

fn object(labels: &serde_json::Map<String, serde_json::Value>) -> Result<Node, FormatError> {
    let mut keys: Vec<_> = labels.iter().collect();
    keys.sort_unstable_by_key(|(key, _)| *key);
    let fields = keys.into_iter().map(|(key, value)| {
        let mut quoted = String::with_capacity(key.len() + 3);
        json::string(&mut quoted, key);
        quoted.push(':');
        let node = node(value).map_err(|error| FormatError::new(format!("{key}: {error}")))?;
        Ok((quoted.into(), node))
    });
    fields.collect::<Result<_, _>>().map(Node::Object)
}

fn node(value: &serde_json::Value) -> Result<Node, FormatError> {
    use serde_json::Value;
    Ok(match value {
        Value::String(text) => Node::Value(Template::parse(text)?),
        Value::Object(fields) => object(fields)?,
        Value::Array(items) => Node::List(items.iter().map(node).collect::<Result<_, _>>()?),
        Value::Null | Value::Bool(_) | Value::Number(_) => Node::Literal(value.to_string().into()),
    })
}

impl Node {
    fn write(&self, record: &Record<'_>, absent: Option<&str>, out: &mut String) {
        match self {
            Self::Line(template) => template.write(record, absent.unwrap_or_default(), out),
            Self::Value(template) => value(template, record, absent.unwrap_or_default(), out),
            Self::Literal(text) => out.push_str(text),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(record, absent, out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                let first = out.len();
                for (key, value) in fields {
                    let before = out.len();
                    if before > first {
                        out.push(',');
                    }
                    out.push_str(key);
                    let start = out.len();
                    value.write(record, absent, out);
                    if absent.is_none() && &out[start..] == "null" {
                        out.truncate(before);
                    }
                }
                out.push('}');
            }
        }
    }

    fn wanted(&self, wanted: &mut Wanted) {
        match self {
            Self::Line(template) | Self::Value(template) => template.wanted(wanted),
            Self::Literal(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.wanted(wanted)),
            Self::Object(fields) => fields.iter().for_each(|(_, value)| value.wanted(wanted)),
        }
    }

    fn extras<'a>(&'a self, extras: &mut Vec<(ExtraKind, &'a str)>) {
        match self {
            Self::Line(template) | Self::Value(template) => extras.extend(template.extras()),
            Self::Literal(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.extras(extras)),
            Self::Object(fields) => fields.iter().for_each(|(_, value)| value.extras(extras)),
        }
    }
}

/// A lone operator keeps its type, and is `null` where absent; mixed text is a string (AL-2).
fn value(template: &Template, record: &Record<'_>, absent: &str, out: &mut String) {
    let Some(operator) = template.single() else {
        out.push('"');
        let start = out.len();
        template.write(record, absent, out);
        return json::finish(out, start);
    };
    let before = out.len();
    if !operator.is_number() {
        out.push('"');
    }
    let start = out.len();
    if !operator.write(record, out) {
        out.truncate(before);
        out.push_str("null");
    } else if !operator.is_number() {
        json::finish(out, start);
    }
}
