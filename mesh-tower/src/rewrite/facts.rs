//! What `%VAR%` values of header operations may ask (VA-6).

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Method, Request, Uri, Version};
use mesh_core::decision::Decision;
use mesh_core::endpoint::Endpoint;
use mesh_core::reply::ResponseFlags;
use mesh_core::route::{HeaderOps, RequestView, Vars};
use mesh_core::telemetry::access_log::Record;

use crate::normalize::Downstream;
use crate::route::Matched;

/// The facts of a request; kept only where an operation has a variable.
#[derive(Debug)]
pub(super) struct Facts {
    start: SystemTime,
    method: Method,
    uri: Uri,
    authority: String,
    version: Version,
    headers: HeaderMap,
    downstream: Option<Downstream>,
    route: Arc<str>,
    cluster: Option<Arc<str>>,
    code: u16,
    flags: ResponseFlags,
    endpoint: Option<Arc<Endpoint>>,
}

impl Facts {
    /// The facts, if any operation of the matched route or destination asks for them.
    pub(super) fn wanted<B>(matched: &Matched, request: &Request<B>) -> Option<Box<Self>> {
        let route = matched.route();
        let destination = matched.destination();
        let ops = [
            Some(&route.request_headers),
            Some(&route.response_headers),
            destination.map(|to| &to.request_headers),
            destination.map(|to| &to.response_headers),
        ];
        if !ops.into_iter().flatten().any(HeaderOps::has_variables) {
            return None;
        }
        Some(Box::new(Self {
            start: SystemTime::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            authority: RequestView::of(request).authority.to_owned(),
            version: request.version(),
            headers: request.headers().clone(),
            downstream: request.extensions().get::<Downstream>().cloned(),
            route: route.name.clone(),
            cluster: matched.cluster().map(|pool| pool.cluster().plan().name.clone()),
            code: 0,
            flags: ResponseFlags::NONE,
            endpoint: None,
        }))
    }

    /// Completes them with what is known when the response is there.
    pub(super) fn responded(&mut self, code: u16, decision: &Decision) {
        self.code = code;
        self.flags = decision.flags;
        self.endpoint = decision.endpoint().cloned();
    }
}

impl Vars for Facts {
    fn record(&self) -> Record<'_> {
        let downstream = self.downstream.as_ref();
        Record {
            start: Some(self.start),
            method: Some(self.method.as_str()),
            path: self.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
            scheme: self.uri.scheme_str(),
            authority: Some(&self.authority),
            protocol: Some(match self.version {
                Version::HTTP_2 => "HTTP/2",
                Version::HTTP_10 => "HTTP/1.0",
                _ => "HTTP/1.1",
            }),
            code: self.code,
            flags: self.flags,
            request_headers: Some(&self.headers),
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

/// Operations with facts, or without where none are asked.
pub(super) enum Asked<'a> {
    Facts(&'a Facts),
    Nothing,
}

impl Vars for Asked<'_> {
    fn record(&self) -> Record<'_> {
        match self {
            Self::Facts(facts) => facts.record(),
            Self::Nothing => Record::default(),
        }
    }
}

impl<'a> From<Option<&'a Facts>> for Asked<'a> {
    fn from(facts: Option<&'a Facts>) -> Self {
        facts.map_or(Self::Nothing, Self::Facts)
    }
}
