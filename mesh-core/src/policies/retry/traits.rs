//! The traits of a request that the retry policy reads (RT-19).

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method};

use crate::headers::is_grpc;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");

/// Facts about one request, taken once before the first attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// Whether sending it twice does what sending it once does. A call option may set it (RT-18).
    pub idempotent: bool,
    /// Whether it is gRPC.
    pub grpc: bool,
    /// Tries that the caller says it made before this request (`grpc-previous-rpc-attempts`, RT-16).
    pub previous_attempts: u32,
}

/// Whether sending it twice does what sending it once does: GET, HEAD, OPTIONS, TRACE, PUT and DELETE
/// (RFC 9110 §9.2.2), and what carries an `Idempotency-Key`.
#[must_use]
pub fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    ) || headers.contains_key(IDEMPOTENCY_KEY)
}

impl Traits {
    /// Reads the facts; see [`is_idempotent`].
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let grpc = headers.get(CONTENT_TYPE).is_some_and(|value| is_grpc(value.as_bytes()));
        Self::knowing(grpc, method, headers)
    }

    /// The same for a caller that knows already whether it is gRPC.
    #[must_use]
    pub fn knowing(grpc: bool, method: &Method, headers: &HeaderMap) -> Self {
        let idempotent = is_idempotent(method, headers);
        let previous_attempts = if grpc { headers.get(PREVIOUS_ATTEMPTS) } else { None };
        let previous_attempts =
            previous_attempts.and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        Self { idempotent, grpc, previous_attempts }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn rt_19_idempotent_methods_and_the_key() {
        let mut headers = HeaderMap::new();
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            assert!(Traits::of(&method.parse().unwrap(), &headers).idempotent, "{method}");
        }
        for method in ["POST", "PATCH", "CONNECT", "PURGE"] {
            assert!(!Traits::of(&method.parse().unwrap(), &headers).idempotent, "{method}");
        }
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("8e03978e"));
        assert!(Traits::of(&Method::POST, &headers).idempotent);
    }

    #[test]
    fn rf_4_grpc_by_content_type() {
        let traits = |value: &'static str| {
            let headers = HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static(value)),
                (PREVIOUS_ATTEMPTS, HeaderValue::from_static("2")),
            ]);
            Traits::of(&Method::POST, &headers)
        };
        for value in ["application/grpc", "application/grpc+proto", "application/grpc;charset=x"] {
            assert!(traits(value).grpc, "{value}");
        }
        for value in ["application/grpc-web", "application/json", "application/grpcx"] {
            assert!(!traits(value).grpc, "{value}");
        }
        assert_eq!(traits("application/grpc").previous_attempts, 2);
        assert_eq!(traits("text/plain").previous_attempts, 0);
    }
}
