//! gRPC status numbers, and their mapping to HTTP statuses and back (RF-4, RF-5).

use http::StatusCode;

/// A gRPC status number (0–16).
pub type GrpcCode = u8;

/// The gRPC status that a local HTTP reply becomes (RF-4).
#[must_use]
pub fn grpc_of_http(status: StatusCode) -> GrpcCode {
    match status.as_u16() {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// The HTTP status that a gRPC status counts as (RF-5).
#[must_use]
pub const fn http_of_grpc(code: GrpcCode) -> u16 {
    match code {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rf_4_http_becomes_grpc() {
        let pairs =
            [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14), (503, 14), (504, 14), (500, 2)];
        for (http, grpc) in pairs {
            assert_eq!(grpc_of_http(StatusCode::from_u16(http).unwrap()), grpc, "{http}");
        }
    }

    #[test]
    fn rf_5_grpc_counts_as_http() {
        let expected = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
        for (code, http) in (0..).zip(expected) {
            assert_eq!(http_of_grpc(code), http, "{code}");
        }
    }
}
