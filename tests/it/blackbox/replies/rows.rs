//! The failures, row by row (RF-1, RF-2).

/// One way to get an answer that the mesh makes.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// The called host is this name under `.test`.
    pub(super) name: &'static str,
    /// The rule's fields besides the route; empty for a host without a rule.
    pub(super) rule: &'static str,
    /// The destination of the rule.
    pub(super) to: &'static str,
    pub(super) status: u16,
    /// The status in gRPC.
    pub(super) grpc: u16,
    pub(super) flags: &'static str,
    /// The details, as far as they are the same everywhere.
    pub(super) details: &'static str,
    /// The first bytes of the body.
    pub(super) body: &'static str,
    /// Whether only calls of an application end so, and no calls through a gateway.
    pub(super) outbound: bool,
}

const fn row(name: &'static str, status: u16, grpc: u16, flags: &'static str, details: &'static str) -> Row {
    Row { name, rule: "", to: "", status, grpc, flags, details, body: "", outbound: false }
}

/// A try that times out at an endpoint.
const fn run_out(rule: &'static str, of: Row) -> Row {
    Row { rule, to: "{host: silent.test}", body: "upstream request timeout", ..of }
}

/// A rule for a service that answers.
const fn fine(rule: &'static str, of: Row) -> Row {
    Row { rule, to: "{host: fine.test}", ..of }
}

const RESET: &str = "upstream connect error or disconnect/reset before headers. reset reason: ";
const AGAIN: &str =
    "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: ";
const ONCE: &str = "retries: {attempts: 0}";

/// The rows of RF-2 that occur, in its order; first those without an endpoint.
pub(super) const ROWS: [Row; 26] = [
    fine("match: [{uri: {exact: /other}}]", row("no-rule", 404, 12, "NR", "route_not_found")),
    Row {
        rule: "name: rule",
        to: "{host: missing.test}",
        ..row("no-cluster", 503, 14, "NC", "cluster_not_found")
    },
    Row {
        rule: "name: rule",
        to: "{host: fine.test, subset: none}",
        body: "no healthy upstream",
        ..row("no-endpoint", 503, 14, "UH", "no_healthy_upstream")
    },
    Row {
        rule: ONCE,
        to: "{host: refused.test}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, \
               transport failure reason: delayed connect error: Connection refused",
        ..row("refused", 503, 14, "UF", "upstream_reset_before_response_started{remote_connection_failure|")
    },
    Row {
        rule: "retries: {attempts: 1, retryOn: connect-failure}",
        to: "{host: refused.test}",
        body: "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: \
               remote connection failure, transport failure reason: ",
        ..row(
            "refused-again",
            503,
            14,
            "URX,UF",
            "upstream_reset_before_response_started{remote_connection_failure|",
        )
    },
    Row {
        rule: ONCE,
        to: "{host: mute.test}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: connection timeout, \
               transport failure reason: ",
        ..row("connect-timeout", 503, 14, "UF", "upstream_reset_before_response_started{connection_timeout|")
    },
    Row {
        rule: ONCE,
        to: "{host: closed.test}",
        body: RESET,
        ..row("closed", 503, 14, "UC", "upstream_reset_before_response_started{connection_termination}")
    },
    Row {
        rule: "retries: {attempts: 1, retryOn: reset}",
        to: "{host: closed.test}",
        body: AGAIN,
        ..row(
            "closed-again",
            503,
            14,
            "URX,UC",
            "upstream_reset_before_response_started{connection_termination}",
        )
    },
    Row {
        rule: ONCE,
        to: "{host: reset.test}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
        ..row("reset", 503, 14, "UR", "upstream_reset_before_response_started{remote_reset}")
    },
    Row {
        rule: ONCE,
        to: "{host: refusing.test}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: remote refused stream reset",
        ..row(
            "refused-stream",
            503,
            14,
            "UR",
            "upstream_reset_before_response_started{remote_refused_stream_reset}",
        )
    },
    Row {
        rule: ONCE,
        to: "{host: full.test}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: overflow",
        ..row("overflow", 503, 14, "UO", "overflow")
    },
    Row {
        rule: ONCE,
        to: "{host: babbling.test}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
        ..row("no-http", 502, 14, "UPE", "upstream_reset_before_response_started{protocol_error}")
    },
    run_out("timeout: 100ms", row("timeout", 504, 4, "UT", "response_timeout")),
    run_out(
        "retries: {attempts: 1, retryOn: connect-failure, perTryTimeout: 100ms}",
        row("per-try", 504, 4, "UT", "upstream_per_try_timeout"),
    ),
    run_out(
        "retries: {attempts: 1, retryOn: gateway-error, perTryTimeout: 100ms}",
        row("per-try-again", 504, 4, "URX,UT", "upstream_per_try_timeout"),
    ),
    Row {
        body: "no healthy upstream",
        outbound: true,
        ..row("nameless", 503, 14, "DF", "dns_resolution_failure")
    },
    Row { outbound: true, ..row("black-hole", 502, 14, "-", "direct_response") },
    fine(
        "fault: {abort: {httpStatus: 418, percentage: {value: 100}}}",
        Row { body: "fault filter abort", ..row("abort", 418, 2, "FI", "fault_filter_abort") },
    ),
    fine(
        "fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}",
        row("abort-grpc", 200, 14, "FI", "fault_filter_abort"),
    ),
    fine(
        "fault: {delay: {fixedDelay: 1ms, percentage: {value: 100}}, abort: {httpStatus: 503, percentage: {value: 100}}}",
        Row { body: "fault filter abort", ..row("late-abort", 503, 14, "DI,FI", "fault_filter_abort") },
    ),
    Row {
        rule: "fault: {delay: {fixedDelay: 1ms, percentage: {value: 100}}}",
        to: "{host: fine.test, subset: none}",
        body: "no healthy upstream",
        ..row("late", 503, 14, "DI,UH", "no_healthy_upstream")
    },
    Row { rule: "redirect: {uri: /there}", ..row("redirect", 301, 2, "-", "direct_response") },
    Row {
        rule: "directResponse: {status: 503, body: {string: closed for today}}",
        body: "closed for today",
        ..row("direct", 503, 14, "-", "direct_response")
    },
    fine("name: rule", row("hostless", 400, 13, "DPE", "missing_host_header")),
    fine("name: rule", row("two-hosts", 400, 13, "DPE", "duplicate_host_header")),
    fine("name: rule", row("upgrade", 403, 7, "-", "upgrade_failed")),
];

/// Rows of RF-2, and flags of RF-1, that no answer has, with the reason.
pub(super) const NEVER: [(&str, &str); 20] = [
    (
        "LR",
        "a stream is reset from here when the caller's own upload fails: on the wire that caller has left",
    ),
    ("DC", "there is no answer; what the log says of it is compared"),
    ("DR", "a caller that resets its stream has left: DC"),
    ("SI", "408: nothing of Istio's YAML sets a stream's idle time, whose default there is none"),
    ("UMSDR", "408: nothing of Istio's YAML bounds a stream's whole time"),
    (
        "DT",
        "nothing of Istio's YAML bounds a connection's whole time but maxConnectionDuration, which lets requests end",
    ),
    ("OM", "503 overload: there is no overload manager; limits of clusters are UO"),
    ("413", "nothing collects a body before it is sent: retries stream on past what they keep"),
    ("431", "nothing is parsed in process; the proxy's answer is held by `gw_12_…` of this module"),
    ("RL", "rate limits come later"),
    ("RLSE", "so does their service"),
    ("UAEX", "so does external authorization"),
    ("LH", "an endpoint that fails its check is not chosen: UH"),
    ("IH", "control headers that are no numbers are ignored (RT-5)"),
    ("RFCF", "there is no cache"),
    ("NFCF", "filters are not fetched"),
    ("DO", "no control plane sheds load"),
    ("UDO", "no control plane sheds load"),
    ("URX", "it is beside another flag: see `…-again`"),
    ("UF", "local connection failure: an address of our own to connect from can't be configured"),
];
