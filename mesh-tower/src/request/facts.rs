//! The facts for `%VAR%` values of header operations (VA-6).

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Method, Request, Uri, Version};
use mesh_core::decision::Decision;
use mesh_core::endpoint::Endpoint;
use mesh_core::reply::{Flag, ResponseFlags};
use mesh_core::route::{RequestView, Vars};
use mesh_core::telemetry::access_log::Record;

use super::downstream::Downstream;

/// The facts of a request; kept only if an operation has a variable.
#[derive(Debug)]
pub(crate) struct Facts {
    start: SystemTime,
    method: Method,
    version: Version,
    came: Head,
    /// The head after header operations and rewrites, if there were any.
    sent: Option<Head>,
    downstream: Option<Downstream>,
    route: Arc<str>,
    cluster: Option<Arc<str>>,
    code: u16,
    flags: ResponseFlags,
    endpoint: Option<Arc<Endpoint>>,
}

/// The parts of a request that header operations and rewrites may change.
#[derive(Debug)]
struct Head {
    uri: Uri,
    authority: String,
    headers: HeaderMap,
}

impl Head {
    fn of<B>(request: &Request<B>) -> Self {
        let authority = RequestView::of(request).authority.to_owned();
        Self { uri: request.uri().clone(), authority, headers: request.headers().clone() }
    }
}

impl Facts {
    /// The facts of a request on the route and cluster of these names.
    pub(crate) fn of<B>(route: &Arc<str>, cluster: Option<Arc<str>>, request: &Request<B>) -> Self {
        Self {
            start: SystemTime::now(),
            method: request.method().clone(),
            version: request.version(),
            came: Head::of(request),
            sent: None,
            downstream: request.extensions().get::<Downstream>().cloned(),
            route: route.clone(),
            cluster,
            code: 0,
            flags: ResponseFlags::NONE,
            endpoint: None,
        }
    }

    /// Notes the head that is sent.
    pub(crate) fn rewritten<B>(&mut self, request: &Request<B>) {
        self.sent = Some(Head::of(request));
    }

    /// Adds the facts of the response.
    pub(crate) fn responded(&mut self, code: u16, decision: &Decision) {
        self.code = code;
        self.flags = decision.flags;
        self.endpoint = decision.endpoint().cloned();
    }

    /// Adds the facts of a local reply, which has no code yet (RF-8). A request without an endpoint was not rewritten.
    pub(crate) fn refused(&mut self, flags: ResponseFlags) {
        self.flags = flags;
        if flags.has(Flag::NoHealthyUpstream) || flags.has(Flag::NoClusterFound) {
            self.sent = None;
        }
    }
}

impl Vars for Facts {
    fn record(&self) -> Record<'_> {
        let downstream = self.downstream.as_ref();
        let head = self.sent.as_ref().unwrap_or(&self.came);
        Record {
            start: Some(self.start),
            method: Some(self.method.as_str()),
            path: head.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
            scheme: head.uri.scheme_str(),
            authority: Some(&head.authority),
            protocol: Some(match self.version {
                Version::HTTP_2 => "HTTP/2",
                Version::HTTP_10 => "HTTP/1.0",
                _ => "HTTP/1.1",
            }),
            code: self.code,
            flags: self.flags,
            request_headers: Some(&head.headers),
            upstream_host: self.endpoint.as_ref().map(|endpoint| &endpoint.address),
            upstream_cluster: self.cluster.as_deref(),
            downstream_local: downstream.and_then(Downstream::local_address),
            downstream_remote: downstream.map(Downstream::peer),
            downstream_direct_remote: downstream.map(Downstream::peer),
            server_name: downstream.and_then(Downstream::server_name_indication),
            tls_version: downstream.and_then(Downstream::tls_version),
            route_name: Some(&self.route),
            hostname: hostname(),
            ..Record::default()
        }
    }
}

/// This machine's name, read once.
fn hostname() -> Option<&'static str> {
    static NAME: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let read =
        || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    NAME.get_or_init(read).as_deref()
}

/// The source of variables: the request's facts, or no facts if no operation asks for them.
pub(crate) enum VariableSource<'a> {
    Facts(&'a Facts),
    Nothing,
}

impl Vars for VariableSource<'_> {
    fn record(&self) -> Record<'_> {
        match self {
            Self::Facts(facts) => facts.record(),
            Self::Nothing => Record::default(),
        }
    }
}

impl<'a> From<Option<&'a Facts>> for VariableSource<'a> {
    fn from(facts: Option<&'a Facts>) -> Self {
        facts.map_or(Self::Nothing, Self::Facts)
    }
}
