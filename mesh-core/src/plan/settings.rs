//! Mesh-wide settings (MC-2, MC-3), defaults stated once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::fault::HeaderFaults;
use crate::headers::FieldLimit;
use crate::route::normalize::PathNormalization;
use crate::telemetry::access_log::Format;

/// What happens to calls to unknown hosts (H-8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutboundMode {
    /// Dial what the caller named.
    #[default]
    AllowAny,
    /// 502.
    RegistryOnly,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Appended to a file.
    File(String),
}

/// What a proxy does with `server` of responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerHeader {
    /// The proxy names itself.
    #[default]
    Own,
    /// It has this value.
    Is(HeaderValue),
    /// The application's own stays.
    Kept,
}

/// Settings that hold for the whole mesh.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `istio-system` unless set (N-2).
    pub root_namespace: String,
    /// `cluster.local` unless set.
    pub domain_suffix: String,
    /// `cluster.local` unless set.
    pub trust_domain: String,
    /// Calls to unknown hosts.
    pub outbound_mode: OutboundMode,
    /// Format and target; `None` is no log (TM-5).
    pub access_log: Option<(Arc<Format>, AccessLogTarget)>,
    /// How far paths are normalised.
    pub path_normalization: PathNormalization,
    /// How long after a failed resolution the next is tried.
    pub dns_refresh_rate: Duration,
    /// Worker threads of a proxy; `None` is one for each core.
    pub concurrency: Option<NonZeroUsize>,
    /// Port of a proxy's admin endpoint.
    pub admin_port: u16,
    /// Port where a proxy's readiness and metrics are shown to everybody; `None` is nowhere (OP-2).
    pub status_port: Option<u16>,
    /// How many proxies in front of a gateway are believed in `x-forwarded-for` (HD-5). Listeners take it
    /// when they are opened.
    pub trusted_proxies: usize,
    /// `server` of a proxy's responses (HD-3, HD-4). Listeners take it when they are opened.
    pub server: ServerHeader,
    /// Whether requests without an id get one (HD-1, HD-4). Listeners take it when they are opened.
    pub request_id: bool,
    /// Whether HTTP/1.0 is served (H-7). Listeners take it when they are opened.
    pub http10: bool,
    /// How long a removed listener drains.
    pub drain_duration: Duration,
    /// How long a stopping proxy still accepts (OP-4).
    pub termination_drain_duration: Duration,
    /// Istio's running proxies' behaviour where ours is stricter by default.
    pub istio_runtime: bool,
    /// How large the head and the trailers of a message may be, each (GW-12). Listeners take it when they are opened.
    pub max_fields: FieldLimit,
    /// Faults that requests may ask for by header (FI-7).
    pub header_faults: Option<HeaderFaults>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root_namespace: "istio-system".into(),
            domain_suffix: "cluster.local".into(),
            trust_domain: "cluster.local".into(),
            outbound_mode: OutboundMode::default(),
            access_log: None,
            path_normalization: PathNormalization::default(),
            dns_refresh_rate: Duration::from_secs(60),
            concurrency: None,
            admin_port: 15_000,
            status_port: None,
            trusted_proxies: 0,
            server: ServerHeader::default(),
            request_id: true,
            http10: false,
            drain_duration: Duration::from_secs(45),
            termination_drain_duration: Duration::from_secs(5),
            istio_runtime: false,
            max_fields: FieldLimit::default(),
            header_faults: None,
        }
    }
}
