//! Which failures are retried: Envoy's `retryOn` names as a set (RT-8).

use std::fmt;

use bitflags::bitflags;
use http::StatusCode;

/// A `retryOn` token that is neither a condition nor a standard HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{token}` is neither a retry condition nor a standard HTTP status")]
pub struct UnknownToken {
    /// The token as written.
    pub token: String,
}

macro_rules! conditions {
    ($($(#[doc = $doc:literal])* $name:ident = $bit:literal, $text:literal;)+) => {
        bitflags! {
            /// A set of retry conditions; by default empty.
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
            pub struct RetryOn: u32 {
                $($(#[doc = $doc])* const $name = 1 << $bit;)+
            }
        }

        impl RetryOn {
            /// Every condition with its name, in the order of the documentation.
            pub const NAMES: &'static [(&'static str, Self)] = &[$(($text, Self::$name)),+];
        }
    };
}

conditions! {
    /// Any 5xx, reset, disconnect or per-try timeout.
    SERVER_ERROR = 0, "5xx";
    /// 502, 503, 504, or a reset.
    GATEWAY_ERROR = 1, "gateway-error";
    /// Any reset before response headers.
    RESET = 2, "reset";
    /// A reset, and no byte of the request was written.
    RESET_BEFORE_REQUEST = 3, "reset-before-request";
    /// No connection, or not in time.
    CONNECT_FAILURE = 4, "connect-failure";
    /// 409.
    RETRIABLE_4XX = 5, "retriable-4xx";
    /// HTTP/2 `REFUSED_STREAM`.
    REFUSED_STREAM = 6, "refused-stream";
    /// One of the policy's status codes.
    RETRIABLE_STATUS_CODES = 7, "retriable-status-codes";
    /// One of the policy's headers is in the response.
    RETRIABLE_HEADERS = 8, "retriable-headers";
    /// The peer answered `x-envoy-ratelimited`.
    RATE_LIMITED = 9, "envoy-ratelimited";
    /// HTTP/3 failed after its connection was made; nothing here speaks HTTP/3 upstream.
    HTTP3_POST_CONNECT_FAILURE = 10, "http3-post-connect-failure";
    /// gRPC status 1.
    CANCELLED = 11, "cancelled";
    /// gRPC status 4.
    DEADLINE_EXCEEDED = 12, "deadline-exceeded";
    /// gRPC status 13.
    INTERNAL = 13, "internal";
    /// gRPC status 8.
    RESOURCE_EXHAUSTED = 14, "resource-exhausted";
    /// gRPC status 14.
    UNAVAILABLE = 15, "unavailable";
}

impl RetryOn {
    /// Nothing is retried.
    pub const NONE: Self = Self::empty();

    /// The list of RT-6, which also stands in for an empty one (RT-7).
    pub const DEFAULT: Self = Self::CONNECT_FAILURE
        .union(Self::REFUSED_STREAM)
        .union(Self::UNAVAILABLE)
        .union(Self::CANCELLED)
        .union(Self::RETRIABLE_STATUS_CODES);

    /// The conditions that speak of a gRPC status.
    pub const GRPC: Self = Self::CANCELLED
        .union(Self::DEADLINE_EXCEEDED)
        .union(Self::INTERNAL)
        .union(Self::RESOURCE_EXHAUSTED)
        .union(Self::UNAVAILABLE);

    /// Reads a comma separated list; numbers are returned beside the set, which then has
    /// [`RETRIABLE_STATUS_CODES`](Self::RETRIABLE_STATUS_CODES). Spaces around a token are
    /// tolerated; a blank list is [`DEFAULT`](Self::DEFAULT) (RT-7).
    ///
    /// # Errors
    /// At the first token that is neither a condition nor a standard HTTP status.
    pub fn parse(text: &str) -> Result<(Self, Vec<u16>), UnknownToken> {
        if text.trim().is_empty() {
            return Ok((Self::DEFAULT, Vec::new()));
        }
        Self::read(text, Err)
    }

    /// Reads the value of a trusted `x-envoy-retry-on` or `x-envoy-retry-grpc-on` header, where
    /// unknown tokens are passed over (RT-5).
    #[must_use]
    pub fn of_header(text: &str) -> (Self, Vec<u16>) {
        Self::read(text, |_| Ok(())).unwrap_or_default()
    }

    fn read(
        text: &str,
        unknown: impl Fn(UnknownToken) -> Result<(), UnknownToken>,
    ) -> Result<(Self, Vec<u16>), UnknownToken> {
        let (mut set, mut codes) = (Self::NONE, Vec::new());
        for token in text.split(',').map(str::trim) {
            if let Some((_, condition)) = Self::NAMES.iter().find(|(name, _)| *name == token) {
                set |= *condition;
            } else if let Some(code) = standard_status(token) {
                set |= Self::RETRIABLE_STATUS_CODES;
                if !codes.contains(&code) {
                    codes.push(code);
                }
            } else {
                unknown(UnknownToken { token: token.to_owned() })?;
            }
        }
        Ok((set, codes))
    }
}

/// The token as a status that has a name, as Istio's validator asks.
fn standard_status(token: &str) -> Option<u16> {
    let status = StatusCode::from_u16(token.parse().ok()?).ok()?;
    status.canonical_reason().map(|_| status.as_u16())
}

impl fmt::Display for RetryOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, _) in Self::NAMES.iter().filter(|(_, condition)| self.contains(*condition)) {
            write!(f, "{separator}{name}")?;
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rt_8_every_name_is_read_and_printed() {
        let all = "5xx,gateway-error,reset,reset-before-request,connect-failure,retriable-4xx,refused-stream,\
                   retriable-status-codes,retriable-headers,envoy-ratelimited,http3-post-connect-failure,\
                   cancelled,deadline-exceeded,internal,resource-exhausted,unavailable";
        let (set, codes) = RetryOn::parse(all).unwrap();
        assert_eq!(set.to_string(), all);
        assert!(codes.is_empty());
    }

    #[test]
    fn rt_8_numbers_add_retriable_status_codes() {
        let (set, codes) = RetryOn::parse("reset, 429 ,503,429").unwrap();
        assert_eq!(set, RetryOn::RESET | RetryOn::RETRIABLE_STATUS_CODES);
        assert_eq!(codes, [429, 503]);
    }

    #[test]
    fn rt_8_anything_else_is_an_error() {
        for (text, token) in [("5xx,oops", "oops"), ("599", "599"), ("5XX", "5XX"), ("reset,,5xx", "")] {
            assert_eq!(RetryOn::parse(text).unwrap_err().token, token, "{text}");
        }
    }

    #[test]
    fn rt_7_an_empty_list_is_the_default() {
        assert_eq!(RetryOn::parse(" ").unwrap(), (RetryOn::DEFAULT, vec![]));
        let default = "connect-failure,refused-stream,retriable-status-codes,cancelled,unavailable";
        assert_eq!(RetryOn::DEFAULT.to_string(), default);
    }

    #[test]
    fn rt_5_headers_pass_over_unknown_tokens() {
        assert_eq!(RetryOn::of_header("oops, reset"), (RetryOn::RESET, vec![]));
        assert_eq!(RetryOn::of_header(""), (RetryOn::NONE, vec![]));
    }
}
