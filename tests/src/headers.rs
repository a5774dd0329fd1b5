//! Headers that comparisons leave out, each for one reason.

/// Headers of the moment and of the connection: they show no decision.
pub const PASSING: [&str; 2] = ["connection", "date"];

/// The framing of the body: the protocol decides it, and not always in the same way for one answer.
pub const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

/// Their values are times.
pub const TIMES: [&str; 3] =
    ["x-envoy-upstream-service-time", "x-envoy-expected-rq-timeout-ms", "grpc-timeout"];
