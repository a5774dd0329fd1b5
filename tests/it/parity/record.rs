//! The record of one request, and the parts of it that are left out.

use std::pin::pin;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt;
use mesh_tests::headers::{FRAMING, PASSING, TIMES};
use tokio::time::{Instant, timeout_at};

use super::backends::Arrival;
use super::stack_by_hand::SIGNED_FOR;

/// The sender of a message writes it, or the example's own layer; no decision does.
pub(super) fn is_senders(name: &str) -> bool {
    name == "server" || name == SIGNED_FOR || PASSING.contains(&name) || FRAMING.contains(&name)
}

/// The caller's response, the requests at each backend, and the access log's line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// None if the caller gave up before a status came.
    status: Option<u16>,
    headers: Vec<String>,
    body: Bytes,
    trailers: Vec<String>,
    pub(super) end: End,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) log: String,
}

/// The end of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Broken,
    /// The caller gave up.
    GivenUp,
}

impl Record {
    /// The record of a request whose response did not begin before the caller gave up.
    pub(super) fn unanswered() -> Self {
        Self {
            status: None,
            headers: Vec::new(),
            body: Bytes::new(),
            trailers: Vec::new(),
            end: End::GivenUp,
            arrivals: Vec::new(),
            log: String::new(),
        }
    }

    /// Reads a response until this instant; reports when its first bytes have been read.
    pub(super) async fn read<B>(response: Response<B>, until: Instant, mut heard: impl FnMut()) -> Self
    where
        B: http_body::Body<Data = Bytes>,
    {
        let (head, body) = response.into_parts();
        let (mut bytes, mut trailers) = (Vec::new(), Vec::new());
        let mut body = pin!(body);
        let end = loop {
            match timeout_at(until, body.frame()).await {
                Err(_) => break End::GivenUp,
                Ok(None) => break End::Whole,
                Ok(Some(Err(_))) => break End::Broken,
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        bytes.extend_from_slice(&data);
                        heard();
                    }
                    Err(frame) => trailers = frame.trailers_ref().map(lines).unwrap_or_default(),
                },
            }
        };
        // HTTP/1.1 sends trailers only to a caller that asks for them with `te`, from a server that announces them:
        // the proxy's caller does not ask, while in process they pass. The log has their status.
        if head.version < http::Version::HTTP_2 {
            trailers.clear();
        }
        let (status, headers) = (Some(head.status.as_u16()), lines(&head.headers));
        Self { status, headers, body: bytes.into(), trailers, end, ..Self::unanswered() }
    }

    /// Whether a backend received it.
    pub(super) fn is_forwarded(&self) -> bool {
        !self.arrivals.is_empty()
    }

    /// Whether the request succeeded; a refused retry is a failure.
    pub(super) fn is_good(&self) -> bool {
        let is_bad_status = |line: &String| line.starts_with("grpc-status") && line != "grpc-status: 0";
        let is_bad = self.headers.iter().chain(&self.trailers).any(is_bad_status);
        // A timeout may be answered with 204.
        self.end == End::Whole && self.status.is_some_and(|status| status < 400 && status != 204) && !is_bad
    }
}

/// Headers, or trailers, in order, except for the sender's own and the values of times.
fn lines(headers: &HeaderMap) -> Vec<String> {
    let shown = |(name, value): (&http::HeaderName, &HeaderValue)| {
        let value = if TIMES.contains(&name.as_str()) { "(time)" } else { value.to_str().unwrap_or("?") };
        format!("{name}: {value}")
    };
    let kept = headers.iter().filter(|(name, _)| !is_senders(name.as_str()));
    let mut lines: Vec<String> = kept.map(shown).collect();
    lines.sort_unstable();
    lines
}

/// A line of the log with the rule's file, but without its folder, which is not the same for both.
pub(super) fn without_folder(line: &str) -> String {
    const FILE: &str = "mesh.yaml:";
    let mut shown = String::new();
    let mut pieces = line.split(FILE).peekable();
    while let Some(piece) = pieces.next() {
        let end = if pieces.peek().is_some() { piece.rfind('(').map_or(0, |at| at + 1) } else { piece.len() };
        shown += &piece[..end];
        shown += if pieces.peek().is_some() { FILE } else { "" };
    }
    shown
}
