//! `HTTPRoute`: which rule serves a request (GA-3, GA-6, GA-10).

use super::{DefaultScope, GatewayDuration, HttpBackendFilter, HttpRouteFilter, ParentReference};
use crate::api::message::{Note, enumeration, message};

message! {
    /// Rules for requests that come to a listener, or to a Service from inside the mesh.
    pub struct HttpRoute {
        /// What it is to be attached to.
        supported parent_refs: Vec<ParentReference>,
        /// Hosts that the rules are for, wildcards allowed; the listener's unless written.
        supported hostnames: Vec<String>,
        /// The rules, in no order: the most specific match serves (GA-4).
        supported rules: Vec<HttpRouteRule>,
        /// Attach it to Gateways that are not named.
        inert use_default_gateways: Option<DefaultScope> [note Note::warning(
            "a route is attached to the Gateways that it names, as in Istio",
        ).unless(&["None"])],
    }
}

message! {
    /// One rule.
    pub struct HttpRouteRule {
        /// Name for logs and metrics.
        supported name: Option<String>,
        /// Conditions, any of which suffices; none means always.
        supported matches: Vec<HttpRouteMatch>,
        /// What is done to the request.
        supported filters: Vec<HttpRouteFilter>,
        /// Weighted destinations.
        supported backend_refs: Vec<HttpBackendRef>,
        /// Limits in time.
        supported timeouts: Option<HttpRouteTimeouts>,
        /// Try again on failure.
        supported retry: Option<HttpRouteRetry>,
        /// Keep a client at one endpoint.
        refused session_persistence: Option<SessionPersistence>,
    }
}

message! {
    /// How a client is kept at one endpoint.
    pub struct SessionPersistence [open] {
    }
}

message! {
    /// Conditions of which all must hold.
    pub struct HttpRouteMatch {
        /// On the path; prefix `/` unless written.
        supported path: Option<HttpPathMatch>,
        /// On headers; of several for one name the first counts.
        supported headers: Vec<ValueCondition>,
        /// On query parameters; of several for one name the first counts.
        supported query_params: Vec<ValueCondition>,
        /// On the method.
        supported method: Option<HttpMethod>,
    }
}

message! {
    /// A condition on the path.
    pub struct HttpPathMatch {
        /// `PathPrefix` unless written.
        supported r#type: Option<PathMatchType>,
        /// The path; `/` unless written.
        supported value: Option<String>,
    }
}

enumeration! {
    /// How a path is compared.
    pub enum PathMatchType {
        /// By its first segments.
        supported PathPrefix = 0 ["PathPrefix"],
        /// As a whole.
        supported Exact = 1 ["Exact"],
        /// As a whole, with a regular expression.
        supported RegularExpression = 2 ["RegularExpression"],
    }
}

message! {
    /// A condition on a header or on a query parameter.
    pub struct ValueCondition {
        /// `Exact` unless written.
        supported r#type: Option<ValueMatchType>,
        /// Its name; that of a header in any case.
        supported name: String,
        /// The value.
        supported value: String,
    }
}

enumeration! {
    /// How a value is compared.
    pub enum ValueMatchType {
        /// As a whole.
        supported Exact = 0 ["Exact"],
        /// As a whole, with a regular expression.
        supported RegularExpression = 1 ["RegularExpression"],
    }
}

enumeration! {
    /// A method.
    pub enum HttpMethod {
        /// GET.
        supported Get = 0 ["GET"],
        /// HEAD.
        supported Head = 1 ["HEAD"],
        /// POST.
        supported Post = 2 ["POST"],
        /// PUT.
        supported Put = 3 ["PUT"],
        /// DELETE.
        supported Delete = 4 ["DELETE"],
        /// CONNECT.
        supported Connect = 5 ["CONNECT"],
        /// OPTIONS.
        supported Options = 6 ["OPTIONS"],
        /// TRACE.
        supported Trace = 7 ["TRACE"],
        /// PATCH.
        supported Patch = 8 ["PATCH"],
    }
}

message! {
    /// A destination with its share.
    pub struct HttpBackendRef {
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
        supported filters: Vec<HttpBackendFilter>,
    }
}

message! {
    /// Limits in time; `0s` is none (GA-10).
    pub struct HttpRouteTimeouts {
        /// Of the whole request.
        supported request: Option<GatewayDuration>,
        /// Of each try where the rule has a `retry`, else of the whole request.
        supported backend_request: Option<GatewayDuration>,
    }
}

message! {
    /// When and how often to try again (GA-10).
    pub struct HttpRouteRetry {
        /// Statuses to try again on, beside failures to connect.
        supported codes: Vec<u32>,
        /// Tries after the first; 2 unless written.
        supported attempts: Option<i32>,
        /// Base of the pause between tries.
        supported backoff: Option<GatewayDuration>,
    }
}
