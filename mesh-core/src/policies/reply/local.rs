//! The local reply and its table (RF-2).

use std::borrow::Cow;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::{Dialect, Flag, ResponseFlags, grpc_of_http};
use crate::outcome::{GrpcCode, Reset};

const OVERLOADED: HeaderName = HeaderName::from_static("x-envoy-overloaded");

const CONNECT_REFUSED: &str = "connect_refused";

/// An answer that no endpoint gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    /// HTTP status.
    pub status: StatusCode,
    /// Response flags.
    pub flags: ResponseFlags,
    /// Response code details, as in the access log.
    pub details: Cow<'static, str>,
    /// Body, `text/plain`; `grpc-message` for gRPC.
    pub body: Cow<'static, str>,
    /// The gRPC status where it is not RF-4's (timeouts, rate limits, injected).
    pub grpc: Option<GrpcCode>,
    /// Whether the body is wrapped as `upstream connect error …`, marking overload with a header.
    pub overloaded: bool,
}

impl LocalReply {
    /// A reply with nothing but a status, a flag or none, and details.
    #[must_use]
    pub fn new(status: StatusCode, flags: impl Into<ResponseFlags>, details: &'static str) -> Self {
        Self {
            status,
            flags: flags.into(),
            details: details.into(),
            body: "".into(),
            grpc: None,
            overloaded: false,
        }
    }

    /// The reply with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Cow<'static, str>>) -> Self {
        self.body = body.into();
        self
    }

    /// The reply with this gRPC status.
    #[must_use]
    pub const fn grpc(mut self, code: GrpcCode) -> Self {
        self.grpc = Some(code);
        self
    }

    /// The rule itself answers, by a direct response or a redirect (VA-8, VA-9).
    #[must_use]
    pub fn configured(status: StatusCode) -> Self {
        Self::new(status, ResponseFlags::NONE, "direct_response")
    }

    /// No route matched.
    #[must_use]
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, Flag::NoRouteFound, "route_not_found")
    }

    /// The caller's head, or trailers, have too many bytes (GW-12).
    #[must_use]
    pub fn fields_too_large(details: &'static str) -> Self {
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Flag::DownstreamProtocolError, details)
    }

    /// The route's destination does not exist.
    #[must_use]
    pub fn no_cluster() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Flag::NoClusterFound, "cluster_not_found")
    }

    /// The document that says what is to happen is refused (Y-12).
    #[must_use]
    pub fn refused(document: &str) -> Self {
        // Lines of an access log are split at blanks.
        let details = format!("configuration_refused{{{}}}", document.replace(' ', "_")).into();
        let body = "the configuration of this host is refused";
        Self { details, ..Self::no_cluster().body(body) }
    }

    /// The destination has no endpoint to use.
    #[must_use]
    pub fn no_healthy_upstream() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Flag::NoHealthyUpstream, "no_healthy_upstream")
            .body("no healthy upstream")
    }

    /// A circuit limit was reached (CB-5).
    #[must_use]
    pub fn overflow() -> Self {
        let mut reply = Self::new(StatusCode::SERVICE_UNAVAILABLE, Flag::UpstreamOverflow, "overflow")
            .body("upstream connect error or disconnect/reset before headers. reset reason: overflow");
        reply.overloaded = true;
        reply
    }

    /// The attempt ended without a response; `retried` says that earlier attempts did too.
    #[must_use]
    pub fn reset(reset: Reset, retried: bool, transport_failure: Option<&str>) -> Self {
        let (status, flag) = match reset {
            Reset::ConnectFailure | Reset::ConnectTimeout => {
                (StatusCode::SERVICE_UNAVAILABLE, Flag::UpstreamConnectionFailure)
            }
            Reset::ConnectionTermination => {
                (StatusCode::SERVICE_UNAVAILABLE, Flag::UpstreamConnectionTermination)
            }
            Reset::RemoteReset | Reset::RemoteRefused => {
                (StatusCode::SERVICE_UNAVAILABLE, Flag::UpstreamRemoteReset)
            }
            Reset::LocalReset => (StatusCode::SERVICE_UNAVAILABLE, Flag::LocalReset),
            Reset::Protocol => (StatusCode::BAD_GATEWAY, Flag::UpstreamProtocolError),
        };
        let words = if retried {
            "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: "
        } else {
            "upstream connect error or disconnect/reset before headers. reset reason: "
        };
        let mut body = format!("{words}{reset}");
        let mut details = reset.reason().replace(' ', "_");
        if let Some(text) = transport_failure {
            body = format!("{body}, transport failure reason: {text}");
            details = format!("{details}|{}", text.replace(char::is_whitespace, "_"));
        }
        Self {
            status,
            flags: flag.into(),
            details: format!("upstream_reset_before_response_started{{{details}}}").into(),
            body: body.into(),
            grpc: None,
            overloaded: false,
        }
    }

    /// The timeout of the whole request ran out (RT-2).
    #[must_use]
    pub fn timeout() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, Flag::UpstreamRequestTimeout, "response_timeout")
            .body("upstream request timeout")
            .grpc(4)
    }

    /// The reply as one that says nothing: 204 in place of a timeout's 504 (RT-5).
    #[must_use]
    pub fn no_content(self) -> Self {
        Self { status: StatusCode::NO_CONTENT, body: "".into(), ..self }
    }

    /// The last attempt's own timeout ran out (RT-3).
    #[must_use]
    pub fn per_try_timeout() -> Self {
        Self { details: "upstream_per_try_timeout".into(), ..Self::timeout() }
    }

    /// An injected abort (FI-5).
    #[must_use]
    pub fn fault_abort(status: StatusCode, grpc: Option<GrpcCode>) -> Self {
        let mut reply =
            Self::new(status, Flag::FaultInjected, "fault_filter_abort").body("fault filter abort");
        reply.grpc = grpc;
        reply
    }

    /// A bad request from the caller (H-7, AZ-15).
    #[must_use]
    pub fn bad_request(details: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Flag::DownstreamProtocolError, details)
    }

    /// Outbound to a host that the registry does not know, under `REGISTRY_ONLY` (H-8).
    #[must_use]
    pub fn black_hole() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, ResponseFlags::NONE, "direct_response")
    }

    /// An upgrade that is not allowed (VA-14).
    #[must_use]
    pub fn upgrade_refused() -> Self {
        Self::new(StatusCode::FORBIDDEN, ResponseFlags::NONE, "upgrade_failed")
    }

    /// A `CONNECT` that asks for bytes to be carried to anywhere, past all rules.
    #[must_use]
    pub fn connect_refused() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ResponseFlags::NONE, CONNECT_REFUSED)
            .body("CONNECT is not served here: call http:// URLs through this proxy\n")
    }

    /// Whether a connection of HTTP/1.1 ends with this reply: what follows on it may be the rest of what was refused,
    /// such as bytes for a tunnel, and no request.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.flags.has(Flag::DownstreamProtocolError) || self.details == CONNECT_REFUSED
    }

    /// The gRPC status of the reply (RF-4).
    #[must_use]
    pub fn grpc_status(&self) -> GrpcCode {
        self.grpc.unwrap_or_else(|| grpc_of_http(self.status))
    }

    /// The reply as a response in this dialect; `true` stands for gRPC (RF-4, RF-6: trailers-only).
    #[must_use]
    pub fn response(&self, dialect: impl Into<Dialect>) -> Response<Cow<'static, str>> {
        // A rule that names a gRPC status speaks gRPC to every caller (FI-5).
        let as_grpc = self.grpc.is_some() && self.flags.has(Flag::FaultInjected);
        let content_type = dialect.into().content_type().or_else(|| Dialect::from(as_grpc).content_type());
        let mut headers = HeaderMap::with_capacity(4);
        if self.overloaded {
            headers.insert(OVERLOADED, HeaderValue::from_static("true"));
        }
        let mut response = Response::new(Cow::Borrowed(""));
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type);
            headers.insert("grpc-status", HeaderValue::from(u16::from(self.grpc_status())));
            if let Some(message) = grpc_message(self.body.as_bytes()) {
                headers.insert("grpc-message", message);
            }
        } else {
            *response.status_mut() = self.status;
            if !self.body.is_empty() {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            }
            // RFC 9110 §8.6: a 204 has no length.
            if !has_no_body(self.status) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
                *response.body_mut() = self.body.clone();
            }
        }
        *response.headers_mut() = headers;
        response
    }
}

/// Whether a response of this status ends with its head (RFC 9112 §6.3).
#[must_use]
pub const fn has_no_body(status: StatusCode) -> bool {
    matches!(status.as_u16(), 204 | 304)
}

/// Text as `grpc-message`, in gRPC's percent encoding: printable ASCII except `%` stays. `None` if it is
/// empty.
#[must_use]
pub fn grpc_message(text: &[u8]) -> Option<HeaderValue> {
    use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
    const GRPC: &AsciiSet = &CONTROLS.add(b'%');
    // A percent-encoded text is always a valid header value.
    (!text.is_empty()).then(|| HeaderValue::try_from(percent_encode(text, GRPC).to_string()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rf_2_the_table_holds() {
        let cases = [
            (LocalReply::no_route(), 404, "NR", "route_not_found", ""),
            (LocalReply::no_cluster(), 503, "NC", "cluster_not_found", ""),
            (LocalReply::no_healthy_upstream(), 503, "UH", "no_healthy_upstream", "no healthy upstream"),
            (
                LocalReply::reset(Reset::ConnectFailure, false, None),
                503,
                "UF",
                "upstream_reset_before_response_started{remote_connection_failure}",
                "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
            ),
            (
                LocalReply::reset(Reset::ConnectionTermination, true, None),
                503,
                "UC",
                "upstream_reset_before_response_started{connection_termination}",
                "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: connection termination",
            ),
            (
                LocalReply::reset(Reset::Protocol, false, None),
                502,
                "UPE",
                "upstream_reset_before_response_started{protocol_error}",
                "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
            ),
            (LocalReply::timeout(), 504, "UT", "response_timeout", "upstream request timeout"),
            (
                LocalReply::per_try_timeout(),
                504,
                "UT",
                "upstream_per_try_timeout",
                "upstream request timeout",
            ),
        ];
        for (reply, status, flag, details, body) in cases {
            assert_eq!(reply.status.as_u16(), status);
            assert_eq!(reply.flags.to_string(), flag);
            assert_eq!(reply.details, details);
            assert_eq!(reply.body, body);
            let response = reply.response(false);
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["content-length"], body.len().to_string());
        }
        let empty = LocalReply::configured(StatusCode::NO_CONTENT).response(false);
        assert_eq!(empty.headers().get("content-length"), None, "RFC 9110 forbids it with 204");
    }

    #[test]
    fn rt_5_a_timeout_that_says_nothing_is_204_and_keeps_its_reason() {
        let quiet = LocalReply::timeout().no_content();
        assert_eq!((quiet.status, &*quiet.body), (StatusCode::NO_CONTENT, ""));
        assert_eq!((quiet.flags.to_string().as_str(), &*quiet.details), ("UT", "response_timeout"));
        assert_eq!(quiet.response(false).status(), 204);
    }

    #[test]
    fn rf_4_grpc_gets_trailers_only() {
        let response = LocalReply::no_healthy_upstream().response(true);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], "14");
        assert_eq!(response.headers()["grpc-message"], "no healthy upstream");
        assert_eq!(LocalReply::timeout().response(true).headers()["grpc-status"], "4");
    }

    #[test]
    fn y_12_the_details_of_a_refusal_have_no_blank() {
        let reply = LocalReply::refused("VirtualService default/reviews");
        assert_eq!(reply.details, "configuration_refused{VirtualService_default/reviews}");
    }

    #[test]
    fn cb_5_overflow_is_marked() {
        assert_eq!(LocalReply::overflow().response(false).headers()["x-envoy-overloaded"], "true");
    }
}
