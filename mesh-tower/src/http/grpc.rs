//! Recognises gRPC messages and reads their status.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use mesh_core::outcome::{GrpcCode, Outcome};

/// Whether the message is gRPC: `application/grpc` or `application/grpc+…` (RF-4). grpc-web is not gRPC.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| mesh_core::headers::is_grpc(value.as_bytes()))
}

/// The `grpc-status` in headers (trailers-only) or trailers.
pub(crate) fn status(headers: &HeaderMap) -> Option<GrpcCode> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// The outcome of a call by the head of its response; `None` if the trailers will carry the status.
pub(crate) fn outcome_of_head(grpc: bool, head: StatusCode, headers: &HeaderMap) -> Option<Outcome> {
    let trailers_only = if grpc { status(headers) } else { None };
    let awaits_trailers = grpc && trailers_only.is_none() && head.is_success();
    (!awaits_trailers).then_some(Outcome::Response { status: head, grpc: trailers_only, in_trailers: false })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn rf_4_grpc_web_is_not_grpc() {
        let headers = |text| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(text))]);
        assert!(is_grpc(&headers("application/grpc")));
        assert!(is_grpc(&headers("application/grpc+proto")));
        assert!(!is_grpc(&headers("application/grpc-web")));
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
