//! `GRPCRoute`: which rule serves a gRPC call (GA-5).

use super::{
    DefaultScope, HeaderModifier, HttpBackendFilter, HttpBackendFilterType, HttpBackendRef,
    HttpRequestMirror, HttpRouteFilter, HttpRouteFilterType, LocalObjectReference, ParentReference,
    SessionPersistence, ValueCondition, ValueMatchType,
};
use crate::api::message::{Note, enumeration, message};

message! {
    /// Rules for gRPC calls that come to a listener, or to a Service from inside the mesh.
    pub struct GrpcRoute {
        /// What it is to be attached to.
        supported parent_refs: Vec<ParentReference>,
        /// Hosts that the rules are for, wildcards allowed; the listener's unless written.
        supported hostnames: Vec<String>,
        /// The rules, in no order: the most specific match serves (GA-5).
        supported rules: Vec<GrpcRouteRule>,
        /// Attach it to Gateways that are not named.
        inert use_default_gateways: Option<DefaultScope> [note Note::warning(
            "a route is attached to the Gateways that it names, as in Istio",
        ).unless(&["None"])],
    }
}

message! {
    /// One rule.
    pub struct GrpcRouteRule {
        /// Name for logs and metrics.
        supported name: Option<String>,
        /// Conditions, any of which suffices; none means always.
        supported matches: Vec<GrpcRouteMatch>,
        /// What is done to the call.
        supported filters: Vec<GrpcRouteFilter>,
        /// Weighted destinations.
        supported backend_refs: Vec<GrpcBackendRef>,
        /// Keep a client at one endpoint.
        refused session_persistence: Option<SessionPersistence>,
    }
}

message! {
    /// Conditions of which all must hold.
    pub struct GrpcRouteMatch {
        /// On service and method.
        supported method: Option<GrpcMethodMatch>,
        /// On headers; of several for one name the first counts.
        supported headers: Vec<ValueCondition>,
    }
}

message! {
    /// A condition on service and method; what is not written is any.
    pub struct GrpcMethodMatch {
        /// `Exact` unless written.
        supported r#type: Option<ValueMatchType>,
        /// The service, with its package.
        supported service: Option<String>,
        /// The method.
        supported method: Option<String>,
    }
}

message! {
    /// Something that is done to a call; `type` says which of the fields is set.
    pub struct GrpcRouteFilter {
        /// What.
        supported r#type: Option<GrpcRouteFilterType>,
        /// Header changes before the call is sent on.
        supported request_header_modifier: Option<HeaderModifier>,
        /// Header changes before the response is passed back.
        supported response_header_modifier: Option<HeaderModifier>,
        /// Send a copy there.
        supported request_mirror: Option<HttpRequestMirror>,
        /// A filter in another resource; none is known, so that calls get UNAVAILABLE.
        inert extension_ref: Option<LocalObjectReference> [note Note::silent(
            "no filter of another resource is known: requests get 500 (GA-7), and `check` tells",
        )],
    }
}

enumeration! {
    /// What a filter does.
    pub enum GrpcRouteFilterType {
        /// Header changes before the call is sent on.
        supported RequestHeaderModifier = 0 ["RequestHeaderModifier"],
        /// Header changes before the response is passed back.
        supported ResponseHeaderModifier = 1 ["ResponseHeaderModifier"],
        /// Send a copy elsewhere.
        supported RequestMirror = 2 ["RequestMirror"],
        /// A filter in another resource.
        supported ExtensionRef = 3 ["ExtensionRef"],
    }
}

message! {
    /// A destination with its share.
    pub struct GrpcBackendRef {
        /// Its group; the core of Kubernetes unless written.
        supported group: Option<String>,
        /// Its kind: `Service`, or `Hostname` of `networking.istio.io`; `Service` unless written.
        supported kind: Option<String>,
        /// Its name.
        supported name: String,
        /// Its namespace; the route's own unless written.
        supported namespace: Option<String>,
        /// Its port.
        supported port: Option<u32>,
        /// Share, relative to the sum of all; 1 unless written.
        supported weight: Option<i32>,
        /// Header changes for this destination.
        supported filters: Vec<GrpcBackendFilter>,
    }
}

message! {
    /// Something that is done to calls that go to one destination: header changes alone (GA-7).
    pub struct GrpcBackendFilter {
        /// What.
        supported r#type: Option<GrpcBackendFilterType>,
        /// Header changes before the call is sent on.
        supported request_header_modifier: Option<HeaderModifier>,
        /// Header changes before the response is passed back.
        supported response_header_modifier: Option<HeaderModifier>,
        /// Send a copy there.
        refused request_mirror: Option<HttpRequestMirror>,
        /// A filter in another resource; none is known, so that calls get UNAVAILABLE.
        inert extension_ref: Option<LocalObjectReference> [note Note::silent(
            "no filter of another resource is known: requests get 500 (GA-7), and `check` tells",
        )],
    }
}

enumeration! {
    /// What a filter of a destination does.
    pub enum GrpcBackendFilterType {
        /// Header changes before the call is sent on.
        supported RequestHeaderModifier = 0 ["RequestHeaderModifier"],
        /// Header changes before the response is passed back.
        supported ResponseHeaderModifier = 1 ["ResponseHeaderModifier"],
        /// Send a copy elsewhere.
        refused RequestMirror = 2 ["RequestMirror"],
        /// A filter in another resource.
        supported ExtensionRef = 3 ["ExtensionRef"],
    }
}

/// Every filter of a GRPCRoute is one of an HTTPRoute too, and is treated as that.
impl From<&GrpcRouteFilter> for HttpRouteFilter {
    fn from(filter: &GrpcRouteFilter) -> Self {
        Self {
            at: filter.at.clone(),
            r#type: filter.r#type.map(|kind| match kind {
                GrpcRouteFilterType::RequestHeaderModifier => HttpRouteFilterType::RequestHeaderModifier,
                GrpcRouteFilterType::ResponseHeaderModifier => HttpRouteFilterType::ResponseHeaderModifier,
                GrpcRouteFilterType::RequestMirror => HttpRouteFilterType::RequestMirror,
                GrpcRouteFilterType::ExtensionRef => HttpRouteFilterType::ExtensionRef,
            }),
            request_header_modifier: filter.request_header_modifier.clone(),
            response_header_modifier: filter.response_header_modifier.clone(),
            request_mirror: filter.request_mirror.clone(),
            extension_ref: filter.extension_ref.clone(),
            ..Self::default()
        }
    }
}

/// As with [`HttpBackendFilter`].
impl From<&GrpcBackendFilter> for HttpBackendFilter {
    fn from(filter: &GrpcBackendFilter) -> Self {
        Self {
            at: filter.at.clone(),
            r#type: filter.r#type.and_then(|kind| match kind {
                GrpcBackendFilterType::RequestHeaderModifier => {
                    Some(HttpBackendFilterType::RequestHeaderModifier)
                }
                GrpcBackendFilterType::ResponseHeaderModifier => {
                    Some(HttpBackendFilterType::ResponseHeaderModifier)
                }
                GrpcBackendFilterType::ExtensionRef => Some(HttpBackendFilterType::ExtensionRef),
                GrpcBackendFilterType::RequestMirror => None,
            }),
            request_header_modifier: filter.request_header_modifier.clone(),
            response_header_modifier: filter.response_header_modifier.clone(),
            extension_ref: filter.extension_ref.clone(),
            ..Self::default()
        }
    }
}

/// As with filters.
impl From<&GrpcBackendRef> for HttpBackendRef {
    fn from(backend: &GrpcBackendRef) -> Self {
        Self {
            at: backend.at.clone(),
            group: backend.group.clone(),
            kind: backend.kind.clone(),
            name: backend.name.clone(),
            namespace: backend.namespace.clone(),
            port: backend.port,
            weight: backend.weight,
            filters: backend.filters.iter().map(Into::into).collect(),
        }
    }
}
