//! gRPC status names as a rule writes them (FI-8).

use crate::outcome::GrpcCode;

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The number of a status name; `None` for anything else, numbers included.
#[must_use]
pub fn grpc_code(name: &str) -> Option<GrpcCode> {
    (0..).zip(NAMES).find_map(|(code, known)| (known == name).then_some(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fi_8_names_only() {
        assert_eq!(grpc_code("OK"), Some(0));
        assert_eq!(grpc_code("UNAVAILABLE"), Some(14));
        assert_eq!(grpc_code("UNAUTHENTICATED"), Some(16));
        for bad in ["14", "unavailable", "CANCELED", ""] {
            assert_eq!(grpc_code(bad), None, "{bad}");
        }
    }
}
