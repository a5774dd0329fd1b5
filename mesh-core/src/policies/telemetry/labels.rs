//! Istio's standard labels (ME-2, ME-3, ME-4).
//!
//! A label set is what a series is found by; making one formats and copies, so it is made once for a
//! (route, endpoint, [`ResponseFacts`]) and the metric handle is kept. Callers cannot create series:
//! what they send enters a label only where ME-4 allows it.

use std::borrow::Cow;

use crate::endpoint::Endpoint;
use crate::identity::{Workload, canonical_revision, canonical_service};
use crate::outcome::GrpcCode;
use crate::reply::ResponseFlags;

const UNKNOWN: &str = "unknown";

/// Upper bounds of the histogram buckets, in milliseconds or bytes (ME-5).
pub const BUCKETS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// Which side reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reporter {
    /// The client, or a gateway.
    Source,
    /// The server.
    Destination,
}

/// `request_protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP that is not gRPC.
    #[default]
    Http,
    /// gRPC.
    Grpc,
    /// TCP: neither `response_code` nor `grpc_response_status`.
    Tcp,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Tcp => "tcp",
        }
    }
}

/// The labels of one end of a call; an absent one becomes `unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Peer<'a> {
    /// Workload name.
    pub workload: Option<&'a str>,
    /// Namespace.
    pub namespace: Option<&'a str>,
    /// Full SPIFFE id.
    pub principal: Option<&'a str>,
    /// Label `app`.
    pub app: Option<&'a str>,
    /// Label `version`.
    pub version: Option<&'a str>,
    /// Canonical service (P-6).
    pub canonical_service: Option<&'a str>,
    /// Canonical revision (P-6); `latest` if unknown.
    pub canonical_revision: Option<&'a str>,
    /// Cluster id.
    pub cluster: Option<&'a str>,
}

impl<'a> Peer<'a> {
    /// This process.
    #[must_use]
    pub fn of(workload: &'a Workload, principal: Option<&'a str>) -> Self {
        Self {
            workload: Some(&workload.name),
            namespace: Some(&workload.namespace),
            principal,
            app: workload.labels.get("app").map(String::as_str),
            version: workload.labels.get("version").map(String::as_str),
            canonical_service: Some(workload.canonical_service()),
            canonical_revision: Some(workload.canonical_revision()),
            cluster: Some(&workload.cluster),
        }
    }

    /// An endpoint as its metadata describes it (ME-6); its `principal` is the one proved by mTLS.
    #[must_use]
    pub fn of_endpoint(endpoint: &'a Endpoint, principal: Option<&'a str>) -> Self {
        let workload = endpoint.workload.as_ref();
        Self {
            workload: workload.map(|(name, _)| &**name),
            namespace: workload.map(|(_, namespace)| &**namespace),
            principal,
            app: endpoint.labels.get("app").map(String::as_str),
            version: endpoint.labels.get("version").map(String::as_str),
            canonical_service: canonical_service(&endpoint.labels).or(workload.map(|(name, _)| &**name)),
            canonical_revision: canonical_revision(&endpoint.labels),
            cluster: None,
        }
    }
}

/// The service that was called (ME-4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Service<'a> {
    /// Full name.
    pub host: Option<&'a str>,
    /// Short name.
    pub name: Option<&'a str>,
    /// Its namespace.
    pub namespace: Option<&'a str>,
}

impl<'a> Service<'a> {
    /// A service by its full name and namespace: the short name of `name.namespace.svc.…` is `name`, that
    /// of any other host is the host.
    #[must_use]
    pub fn new(host: &'a str, namespace: &'a str) -> Self {
        let name = host
            .split_once('.')
            .filter(|(_, rest)| {
                rest.strip_prefix(namespace).is_some_and(|rest| rest == ".svc" || rest.starts_with(".svc."))
            })
            .map_or(host, |(name, _)| name);
        Self { host: Some(host), name: Some(name), namespace: Some(namespace) }
    }

    /// Outbound to a host that the registry does not know; `host` is the request's own, which only the
    /// outbound application or sidecar side may give.
    #[must_use]
    pub const fn passthrough(host: Option<&'a str>) -> Self {
        Self { host, name: Some("PassthroughCluster"), namespace: None }
    }

    /// Outbound to a host that the registry does not know, refused.
    #[must_use]
    pub const fn black_hole(host: Option<&'a str>) -> Self {
        Self { host, name: Some("BlackHoleCluster"), namespace: None }
    }

    /// Inbound to a port that no service of this workload declares; never the request's own host.
    #[must_use]
    pub const fn inbound_passthrough() -> Self {
        Self { host: None, name: Some("InboundPassthroughCluster"), namespace: None }
    }
}

/// How the request ended, as far as labels show it; small enough to be a cache key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResponseFacts {
    /// Protocol.
    pub protocol: Protocol,
    /// Status; 0 when none was sent.
    pub code: u16,
    /// gRPC status.
    pub grpc: Option<GrpcCode>,
    /// Response flags.
    pub flags: ResponseFlags,
    /// Whether the server saw mutual TLS; the client side always says `unknown`.
    pub mutual_tls: bool,
}

/// The whole label set of `istio_requests_total` and its kin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestLabels<'a> {
    /// Which side reports.
    pub reporter: Reporter,
    /// The caller.
    pub source: Peer<'a>,
    /// The endpoint that served.
    pub destination: Peer<'a>,
    /// The service that was called.
    pub service: Service<'a>,
    /// How it ended.
    pub response: ResponseFacts,
}

impl<'a> RequestLabels<'a> {
    /// Names and values in ME-2's order; for TCP without `response_code` and `grpc_response_status`.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Cow<'a, str>)> + use<'a> {
        let Self { reporter, source, destination, service, response } = *self;
        let security = match (reporter, response.mutual_tls) {
            (Reporter::Source, _) => UNKNOWN,
            (Reporter::Destination, true) => "mutual_tls",
            (Reporter::Destination, false) => "none",
        };
        let reporter = match reporter {
            Reporter::Source => "source",
            Reporter::Destination => "destination",
        };
        let known =
            |text: Option<&'a str>| Cow::Borrowed(text.filter(|text| !text.is_empty()).unwrap_or(UNKNOWN));
        let revision = |text: Option<&'a str>| Cow::Borrowed(text.unwrap_or("latest"));
        let tcp = response.protocol == Protocol::Tcp;
        let flags = if response.flags.is_empty() { "-".into() } else { response.flags.to_string().into() };
        let grpc = response.grpc.map_or(Cow::Borrowed(""), |code| code.to_string().into());
        [
            ("reporter", reporter.into()),
            ("source_workload", known(source.workload)),
            ("source_canonical_service", known(source.canonical_service)),
            ("source_canonical_revision", revision(source.canonical_revision)),
            ("source_workload_namespace", known(source.namespace)),
            ("source_principal", known(source.principal)),
            ("source_app", known(source.app)),
            ("source_version", known(source.version)),
            ("source_cluster", known(source.cluster)),
            ("destination_workload", known(destination.workload)),
            ("destination_workload_namespace", known(destination.namespace)),
            ("destination_principal", known(destination.principal)),
            ("destination_app", known(destination.app)),
            ("destination_version", known(destination.version)),
            ("destination_service", known(service.host)),
            ("destination_canonical_service", known(destination.canonical_service)),
            ("destination_canonical_revision", revision(destination.canonical_revision)),
            ("destination_service_name", known(service.name)),
            ("destination_service_namespace", known(service.namespace)),
            ("destination_cluster", known(destination.cluster)),
            ("request_protocol", response.protocol.name().into()),
            (RESPONSE_CODE, response.code.to_string().into()),
            (GRPC_STATUS, grpc),
            ("response_flags", flags),
            ("connection_security_policy", security.into()),
        ]
        .into_iter()
        .filter(move |(name, _)| !tcp || (*name != RESPONSE_CODE && *name != GRPC_STATUS))
    }
}

const RESPONSE_CODE: &str = "response_code";
const GRPC_STATUS: &str = "grpc_response_status";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::identity::Labels;
    use crate::reply::Flag;

    fn labels(of: &RequestLabels<'_>) -> BTreeMap<&'static str, String> {
        of.iter().map(|(name, value)| (name, value.into_owned())).collect()
    }

    fn bare(reporter: Reporter) -> RequestLabels<'static> {
        RequestLabels {
            reporter,
            source: Peer::default(),
            destination: Peer::default(),
            service: Service::default(),
            response: ResponseFacts::default(),
        }
    }

    #[test]
    fn me_2_http_has_every_label_and_tcp_two_fewer() {
        let mut set = bare(Reporter::Source);
        assert_eq!(labels(&set).len(), 25);
        set.response.protocol = Protocol::Tcp;
        let tcp = labels(&set);
        assert_eq!(tcp.len(), 23);
        assert!(!tcp.contains_key("response_code") && !tcp.contains_key("grpc_response_status"));
        assert_eq!(tcp["request_protocol"], "tcp");
    }

    #[test]
    fn me_3_what_is_unknown_says_so() {
        let client = labels(&bare(Reporter::Source));
        assert_eq!(client["source_workload"], "unknown");
        assert_eq!(client["destination_canonical_revision"], "latest");
        assert_eq!(client["response_code"], "0");
        assert_eq!(client["response_flags"], "-");
        assert_eq!(client["grpc_response_status"], "");
        assert_eq!(client["connection_security_policy"], "unknown");
        let mut server = bare(Reporter::Destination);
        assert_eq!(labels(&server)["connection_security_policy"], "none");
        server.response.mutual_tls = true;
        assert_eq!(labels(&server)["connection_security_policy"], "mutual_tls");
    }

    #[test]
    fn me_3_a_call_between_two_workloads() {
        let web = Workload {
            name: "web-v1".into(),
            namespace: "shop".into(),
            labels: Labels::from([("app".into(), "web".into()), ("version".into(), "v1".into())]),
            ..Workload::default()
        };
        let mut endpoint = Endpoint::new("10.0.0.1:9080".parse().unwrap());
        endpoint.labels = Arc::new(Labels::from([("app".into(), "reviews".into())]));
        endpoint.workload = Some(("reviews-v2".into(), "default".into()));
        let id = "spiffe://cluster.local/ns/default/sa/reviews";
        let set = labels(&RequestLabels {
            reporter: Reporter::Source,
            source: Peer::of(&web, None),
            destination: Peer::of_endpoint(&endpoint, Some(id)),
            service: Service::new("reviews.default.svc.cluster.local", "default"),
            response: ResponseFacts {
                protocol: Protocol::Grpc,
                code: 200,
                grpc: Some(14),
                flags: ResponseFlags::from(Flag::DelayInjected).with(Flag::UpstreamConnectionFailure),
                mutual_tls: true,
            },
        });
        assert_eq!(set["source_workload"], "web-v1");
        assert_eq!(set["source_canonical_service"], "web");
        assert_eq!(set["source_canonical_revision"], "v1");
        assert_eq!(set["source_cluster"], "Kubernetes");
        assert_eq!(set["destination_workload"], "reviews-v2");
        assert_eq!(set["destination_canonical_service"], "reviews");
        assert_eq!(set["destination_principal"], id);
        assert_eq!(set["destination_service"], "reviews.default.svc.cluster.local");
        assert_eq!(set["destination_service_name"], "reviews");
        assert_eq!(set["request_protocol"], "grpc");
        assert_eq!(set["grpc_response_status"], "14");
        assert_eq!(set["response_flags"], "DI,UF");
    }

    #[test]
    fn me_4_service_names() {
        assert_eq!(Service::new("api.example.com", "default").name, Some("api.example.com"));
        assert_eq!(Service::new("a.b.svc.cluster.local", "b").name, Some("a"));
        let outside = Service::passthrough(Some("api.example.com"));
        assert_eq!((outside.host, outside.name), (Some("api.example.com"), Some("PassthroughCluster")));
        assert_eq!(Service::black_hole(None).name, Some("BlackHoleCluster"));
        assert_eq!(Service::inbound_passthrough().host, None);
    }
}
