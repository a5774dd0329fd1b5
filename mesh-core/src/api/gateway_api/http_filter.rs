//! Filters of an `HTTPRoute`: what is done to a request (GA-7 to GA-9).

use super::{BackendObjectReference, HeaderModifier, LocalObjectReference};
use crate::api::message::{Note, enumeration, message};

message! {
    /// Something that is done to a request; `type` says which of the fields is set.
    pub struct HttpRouteFilter {
        /// What.
        supported r#type: Option<HttpRouteFilterType>,
        /// Header changes before the request is sent on.
        supported request_header_modifier: Option<HeaderModifier>,
        /// Header changes before the response is passed back.
        supported response_header_modifier: Option<HeaderModifier>,
        /// Send a copy there.
        supported request_mirror: Option<HttpRequestMirror>,
        /// Answer with a redirect.
        supported request_redirect: Option<HttpRequestRedirect>,
        /// Change path and host before sending.
        supported url_rewrite: Option<HttpUrlRewrite>,
        /// Cross-origin rules.
        supported cors: Option<HttpCors>,
        /// Ask a service whether the request may pass.
        refused external_auth: Option<HttpExternalAuth>,
        /// A filter in another resource; none is known, so that requests get 500.
        inert extension_ref: Option<LocalObjectReference> [note Note::silent(
            "no filter of another resource is known: requests get 500 (GA-7), and `check` tells",
        )],
    }
}

enumeration! {
    /// What a filter does.
    pub enum HttpRouteFilterType {
        /// Header changes before the request is sent on.
        supported RequestHeaderModifier = 0 ["RequestHeaderModifier"],
        /// Header changes before the response is passed back.
        supported ResponseHeaderModifier = 1 ["ResponseHeaderModifier"],
        /// Send a copy elsewhere.
        supported RequestMirror = 2 ["RequestMirror"],
        /// Answer with a redirect.
        supported RequestRedirect = 3 ["RequestRedirect"],
        /// Change path and host before sending.
        supported UrlRewrite = 4 ["URLRewrite"],
        /// Cross-origin rules.
        supported Cors = 5 ["CORS"],
        /// Ask a service whether the request may pass.
        refused ExternalAuth = 6 ["ExternalAuth"],
        /// A filter in another resource.
        supported ExtensionRef = 7 ["ExtensionRef"],
    }
}

message! {
    /// Something that is done to requests that go to one destination: header changes alone (GA-7). The other
    /// fields are those of [`HttpRouteFilter`].
    pub struct HttpBackendFilter {
        /// What.
        supported r#type: Option<HttpBackendFilterType>,
        /// Header changes before the request is sent on.
        supported request_header_modifier: Option<HeaderModifier>,
        /// Header changes before the response is passed back.
        supported response_header_modifier: Option<HeaderModifier>,
        /// Send a copy there.
        refused request_mirror: Option<HttpRequestMirror>,
        /// Answer with a redirect.
        refused request_redirect: Option<HttpRequestRedirect>,
        /// Change path and host before sending.
        refused url_rewrite: Option<HttpUrlRewrite>,
        /// Cross-origin rules.
        refused cors: Option<HttpCors>,
        /// Ask a service whether the request may pass.
        refused external_auth: Option<HttpExternalAuth>,
        /// A filter in another resource; none is known, so that requests get 500.
        inert extension_ref: Option<LocalObjectReference> [note Note::silent(
            "no filter of another resource is known: requests get 500 (GA-7), and `check` tells",
        )],
    }
}

enumeration! {
    /// What a filter of a destination does.
    pub enum HttpBackendFilterType {
        /// Header changes before the request is sent on.
        supported RequestHeaderModifier = 0 ["RequestHeaderModifier"],
        /// Header changes before the response is passed back.
        supported ResponseHeaderModifier = 1 ["ResponseHeaderModifier"],
        /// Send a copy elsewhere.
        refused RequestMirror = 2 ["RequestMirror"],
        /// Answer with a redirect.
        refused RequestRedirect = 3 ["RequestRedirect"],
        /// Change path and host before sending.
        refused UrlRewrite = 4 ["URLRewrite"],
        /// Cross-origin rules.
        refused Cors = 5 ["CORS"],
        /// Ask a service whether the request may pass.
        refused ExternalAuth = 6 ["ExternalAuth"],
        /// A filter in another resource.
        supported ExtensionRef = 7 ["ExtensionRef"],
    }
}

/// What works at a destination works at a rule too, and is treated as that. The rest was refused when it was read.
impl From<&HttpBackendFilter> for HttpRouteFilter {
    fn from(filter: &HttpBackendFilter) -> Self {
        Self {
            at: filter.at.clone(),
            r#type: filter.r#type.and_then(|kind| match kind {
                HttpBackendFilterType::RequestHeaderModifier => {
                    Some(HttpRouteFilterType::RequestHeaderModifier)
                }
                HttpBackendFilterType::ResponseHeaderModifier => {
                    Some(HttpRouteFilterType::ResponseHeaderModifier)
                }
                HttpBackendFilterType::ExtensionRef => Some(HttpRouteFilterType::ExtensionRef),
                HttpBackendFilterType::RequestMirror
                | HttpBackendFilterType::RequestRedirect
                | HttpBackendFilterType::UrlRewrite
                | HttpBackendFilterType::Cors
                | HttpBackendFilterType::ExternalAuth => None,
            }),
            request_header_modifier: filter.request_header_modifier.clone(),
            response_header_modifier: filter.response_header_modifier.clone(),
            extension_ref: filter.extension_ref.clone(),
            ..Self::default()
        }
    }
}

message! {
    /// A mirror; every request unless `percent` or `fraction` says less.
    pub struct HttpRequestMirror {
        /// Where copies go.
        supported backend_ref: Option<BackendObjectReference>,
        /// Share of requests that are copied, in whole percent.
        supported percent: Option<i32> [oneof share],
        /// Share of requests that are copied.
        supported fraction: Option<Fraction> [oneof share],
    }
}

message! {
    /// A part of a whole.
    pub struct Fraction {
        /// How many.
        supported numerator: i32,
        /// Of how many; 100 unless written.
        supported denominator: Option<i32>,
    }
}

message! {
    /// A redirect as the answer.
    pub struct HttpRequestRedirect {
        /// New scheme.
        supported scheme: Option<RedirectScheme>,
        /// New host.
        supported hostname: Option<String>,
        /// New path.
        supported path: Option<HttpPathModifier>,
        /// New port; the scheme's or the listener's unless written (GA-9).
        supported port: Option<u32>,
        /// Status code; 302 unless written.
        supported status_code: Option<u32>,
    }
}

enumeration! {
    /// A scheme to redirect to.
    pub enum RedirectScheme {
        /// Plaintext.
        supported Http = 0 ["http"],
        /// TLS.
        supported Https = 1 ["https"],
    }
}

message! {
    /// A change of path and host.
    pub struct HttpUrlRewrite {
        /// New host.
        supported hostname: Option<String>,
        /// New path.
        supported path: Option<HttpPathModifier>,
    }
}

message! {
    /// A change of the path; `type` says which of the fields is set.
    pub struct HttpPathModifier {
        /// How.
        supported r#type: Option<HttpPathModifierType>,
        /// In place of the whole path.
        supported replace_full_path: Option<String>,
        /// In place of the matched prefix (GA-8).
        supported replace_prefix_match: Option<String>,
    }
}

enumeration! {
    /// How a path is changed.
    pub enum HttpPathModifierType {
        /// As a whole.
        supported ReplaceFullPath = 0 ["ReplaceFullPath"],
        /// The prefix that matched.
        supported ReplacePrefixMatch = 1 ["ReplacePrefixMatch"],
    }
}

message! {
    /// Cross-origin rules.
    pub struct HttpCors {
        /// Origins as `scheme://host[:port]`, `*` for a part of the host or for all.
        supported allow_origins: Vec<String>,
        /// Whether credentials are allowed.
        supported allow_credentials: Option<bool>,
        /// Methods; `*` for all.
        supported allow_methods: Vec<String>,
        /// Request headers; `*` for all.
        supported allow_headers: Vec<String>,
        /// Response headers; `*` for all.
        supported expose_headers: Vec<String>,
        /// For how many seconds a preflight may be remembered; 5 unless written.
        supported max_age: Option<u32>,
    }
}

message! {
    /// A service that says whether requests may pass.
    pub struct HttpExternalAuth [open] {
    }
}
