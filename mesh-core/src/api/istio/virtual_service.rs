//! `VirtualService`: which rule serves a request (VS, VM).

use std::time::Duration;

use super::{
    CorsPolicy, Headers, HttpDirectResponse, HttpFaultInjection, HttpMirrorPolicy, HttpRedirect, HttpRetry,
    HttpRewrite, Percent,
};
use crate::api::message::message;
use crate::text_map::TextMap;

message! {
    /// Routing rules for one or more hosts.
    pub struct VirtualService {
        /// Hosts that the rules are for; none makes this a delegate (VS-1).
        supported hosts: Vec<String>,
        /// Gateways that the rules apply at; `mesh` is every sidecar and library client.
        supported gateways: Vec<String>,
        /// HTTP rules, first hit wins.
        supported http: Vec<HttpRoute>,
        /// Rules for TLS passed through, by SNI.
        refused tls: Vec<TlsRoute>,
        /// Rules for TCP.
        refused tcp: Vec<TcpRoute>,
        /// Namespaces that see this resource (N-4).
        supported export_to: Vec<String>,
    }
}

message! {
    /// One HTTP rule.
    pub struct HttpRoute {
        /// Name for logs and metrics.
        supported name: String,
        /// Conditions, any of which suffices; none means always.
        supported r#match: Vec<HttpMatchRequest>,
        /// Weighted destinations.
        supported route: Vec<HttpRouteDestination>,
        /// Answer with a redirect.
        supported redirect: Option<Box<HttpRedirect>>,
        /// Answer with a fixed response.
        supported direct_response: Option<Box<HttpDirectResponse>>,
        /// Take the rules of another VirtualService.
        supported delegate: Option<Box<Delegate>>,
        /// Change path and authority before sending.
        supported rewrite: Option<Box<HttpRewrite>>,
        /// Limit for the whole request.
        supported timeout: Option<Duration>,
        /// Try again on failure.
        supported retries: Option<Box<HttpRetry>>,
        /// Inject delays and aborts.
        supported fault: Option<Box<HttpFaultInjection>>,
        /// Send a copy there.
        supported mirror: Option<Box<Destination>>,
        /// Send copies there.
        supported mirrors: Vec<HttpMirrorPolicy>,
        /// Share of requests that `mirror` copies, in whole percent.
        deprecated mirror_percent: Option<u32>,
        /// Share of requests that `mirror` copies.
        supported mirror_percentage: Option<Percent>,
        /// Cross-origin rules.
        supported cors_policy: Option<Box<CorsPolicy>>,
        /// Header changes.
        supported headers: Option<Box<Headers>>,
    }
}

message! {
    /// Conditions of which all must hold (VM-1).
    pub struct HttpMatchRequest {
        /// Name, joined to the rule's for logs.
        supported name: String,
        /// On the path.
        supported uri: Option<Box<StringMatch>>,
        /// On the scheme.
        supported scheme: Option<Box<StringMatch>>,
        /// On the method.
        supported method: Option<Box<StringMatch>>,
        /// On the authority, port included.
        supported authority: Option<Box<StringMatch>>,
        /// On headers by name.
        supported headers: TextMap<StringMatch>,
        /// On the port that the request came to.
        supported port: Option<u32>,
        /// On the labels of the calling workload.
        supported source_labels: TextMap<String>,
        /// Instead of the resource's own list.
        supported gateways: Vec<String>,
        /// On query parameters by name.
        supported query_params: TextMap<StringMatch>,
        /// Ignore letter case in `uri`.
        supported ignore_uri_case: bool,
        /// On headers that must not match.
        supported without_headers: TextMap<StringMatch>,
        /// On the namespace of the calling workload.
        supported source_namespace: String,
        /// Prefix of per-route counters.
        supported stat_prefix: String,
    }
}

message! {
    /// A condition on a text. None of the three set means: present.
    pub struct StringMatch {
        /// The whole text.
        supported exact: Option<String> [oneof match_type],
        /// Its beginning.
        supported prefix: Option<String> [oneof match_type],
        /// A regular expression for the whole text.
        supported regex: Option<String> [oneof match_type],
    }
}

impl HttpMatchRequest {
    /// Whether both ask the same of a request, but for its path. Names are no conditions.
    #[must_use]
    pub(crate) fn same_but_uri(&self, other: &Self) -> bool {
        // Every field stands here: a new one is not forgotten.
        let Self {
            at: _,
            name: _,
            stat_prefix: _,
            uri: _,
            scheme,
            method,
            authority,
            headers,
            port,
            source_labels,
            gateways,
            query_params,
            ignore_uri_case,
            without_headers,
            source_namespace,
        } = self;
        *scheme == other.scheme
            && *method == other.method
            && *authority == other.authority
            && *headers == other.headers
            && *port == other.port
            && *source_labels == other.source_labels
            && *gateways == other.gateways
            && *query_params == other.query_params
            && *ignore_uri_case == other.ignore_uri_case
            && *without_headers == other.without_headers
            && *source_namespace == other.source_namespace
    }
}

impl StringMatch {
    /// Whether it asks only for presence: empty, or the regex `*` (VM-5).
    #[must_use]
    pub fn is_presence(&self) -> bool {
        self.exact.is_none()
            && self.prefix.is_none()
            && self.regex.as_deref().is_none_or(|regex| regex == "*")
    }
}

message! {
    /// A destination with its share.
    pub struct HttpRouteDestination {
        /// Where to.
        supported destination: Option<Destination>,
        /// Share, relative to the sum of all.
        supported weight: Option<i32>,
        /// Header changes for this destination.
        supported headers: Option<Box<Headers>>,
    }
}

message! {
    /// A service, perhaps a part of it.
    pub struct Destination {
        /// Host, short or full (H-1).
        supported host: String,
        /// Subset of a DestinationRule.
        supported subset: String,
        /// Port, needed if the service has several.
        supported port: Option<PortSelector>,
    }
}

message! {
    /// A port by number.
    pub struct PortSelector {
        /// The number.
        supported number: u32,
    }
}

message! {
    /// Another VirtualService whose rules are taken.
    pub struct Delegate {
        /// Its name.
        supported name: String,
        /// Its namespace.
        supported namespace: String,
    }
}

message! {
    /// One TLS rule.
    pub struct TlsRoute {
        /// Conditions, any of which suffices.
        supported r#match: Vec<TlsMatchAttributes>,
        /// Weighted destinations.
        supported route: Vec<RouteDestination>,
    }
}

message! {
    /// Conditions on a TLS connection.
    pub struct TlsMatchAttributes {
        /// Server names.
        supported sni_hosts: Vec<String>,
        /// Original destination addresses.
        supported destination_subnets: Vec<String>,
        /// Port.
        supported port: Option<u32>,
        /// Labels of the calling workload.
        supported source_labels: TextMap<String>,
        /// Gateways.
        supported gateways: Vec<String>,
        /// Namespace of the calling workload.
        supported source_namespace: String,
    }
}

message! {
    /// One TCP rule.
    pub struct TcpRoute {
        /// Conditions, any of which suffices.
        supported r#match: Vec<L4MatchAttributes>,
        /// Weighted destinations.
        supported route: Vec<RouteDestination>,
    }
}

message! {
    /// Conditions on a TCP connection.
    pub struct L4MatchAttributes {
        /// Original destination addresses.
        supported destination_subnets: Vec<String>,
        /// Port.
        supported port: Option<u32>,
        /// Has no effect in Istio.
        supported source_subnet: String,
        /// Labels of the calling workload.
        supported source_labels: TextMap<String>,
        /// Gateways.
        supported gateways: Vec<String>,
        /// Namespace of the calling workload.
        supported source_namespace: String,
    }
}

message! {
    /// A destination of a connection with its share.
    pub struct RouteDestination {
        /// Where to.
        supported destination: Option<Destination>,
        /// Share, relative to the sum of all.
        supported weight: Option<i32>,
    }
}
