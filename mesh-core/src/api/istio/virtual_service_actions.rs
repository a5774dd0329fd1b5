//! What an HTTP rule of a `VirtualService` does to a request (VA, RT, FI).

use std::time::Duration;

use super::{Destination, StringMatch};
use crate::api::message::{enumeration, message};
use crate::api::values::Bytes;
use crate::text_map::TextMap;

message! {
    /// A percentage.
    pub struct Percent {
        /// From 0 to 100.
        supported value: f64,
    }
}

message! {
    /// Header changes on both ways.
    pub struct Headers {
        /// Before the request is sent on.
        supported request: Option<HeaderOperations>,
        /// Before the response is passed back.
        supported response: Option<HeaderOperations>,
    }
}

message! {
    /// Header changes: remove, then set, then add (VA-4).
    pub struct HeaderOperations {
        /// Replace by these values.
        supported set: TextMap<String>,
        /// Append these values.
        supported add: TextMap<String>,
        /// Remove these names.
        supported remove: Vec<String>,
    }
}

message! {
    /// A redirect as the answer.
    pub struct HttpRedirect {
        /// New path, query included.
        supported uri: Option<String>,
        /// New authority.
        supported authority: Option<String>,
        /// New port.
        supported port: Option<u32> [oneof redirect_port],
        /// How to find the new port.
        supported derive_port: Option<RedirectPortSelection> [oneof redirect_port],
        /// New scheme.
        supported scheme: Option<String>,
        /// Status code.
        supported redirect_code: Option<u32>,
        /// Text in place of the matched prefix.
        supported prefix_rewrite: Option<String>,
    }
}

enumeration! {
    /// How a redirect finds its port.
    pub enum RedirectPortSelection {
        /// 80 or 443 by scheme.
        supported FromProtocolDefault = 0 ["FROM_PROTOCOL_DEFAULT"],
        /// The one that the request came to.
        supported FromRequestPort = 1 ["FROM_REQUEST_PORT"],
    }
}

message! {
    /// A fixed answer.
    pub struct HttpDirectResponse {
        /// Status code.
        supported status: u32,
        /// Body.
        supported body: Option<HttpBody>,
    }
}

message! {
    /// A body.
    pub struct HttpBody {
        /// As text.
        supported string: Option<String> [oneof specifier],
        /// As bytes.
        supported bytes: Option<Bytes> [oneof specifier],
    }
}

message! {
    /// A change of path and authority (VA-7).
    pub struct HttpRewrite {
        /// New path or, under a prefix match, new prefix.
        supported uri: Option<String>,
        /// New authority.
        supported authority: Option<String>,
        /// Change by regular expression.
        supported uri_regex_rewrite: Option<RegexRewrite>,
    }
}

message! {
    /// Replace what a regular expression finds.
    pub struct RegexRewrite {
        /// The expression.
        supported r#match: String,
        /// The replacement, with `\1` to `\9`.
        supported rewrite: String,
    }
}

message! {
    /// When and how often to try again (RT).
    pub struct HttpRetry {
        /// Tries after the first; 0 switches retries off.
        supported attempts: Option<i32>,
        /// Limit of each try.
        supported per_try_timeout: Option<Duration>,
        /// Conditions, separated by commas.
        supported retry_on: Option<String>,
        /// Whether other localities may be tried.
        supported retry_remote_localities: Option<bool>,
        /// Whether endpoints already tried are avoided.
        supported retry_ignore_previous_hosts: Option<bool>,
        /// Base of the pause between tries.
        supported backoff: Option<Duration>,
    }
}

message! {
    /// Cross-origin rules (VA-11).
    pub struct CorsPolicy {
        /// Origins as plain texts.
        deprecated allow_origin: Vec<String>,
        /// Origins.
        supported allow_origins: Vec<StringMatch>,
        /// Methods.
        supported allow_methods: Vec<String>,
        /// Request headers.
        supported allow_headers: Vec<String>,
        /// Response headers.
        supported expose_headers: Vec<String>,
        /// How long a preflight may be remembered.
        supported max_age: Option<Duration>,
        /// Whether credentials are allowed.
        supported allow_credentials: Option<bool>,
        /// What happens to a preflight from elsewhere.
        supported unmatched_preflights: UnmatchedPreflights,
    }
}

enumeration! {
    /// What happens to a preflight of an origin that is not allowed.
    pub enum UnmatchedPreflights {
        /// Forward.
        supported Unspecified = 0 ["UNSPECIFIED"],
        /// Send it to the service.
        supported Forward = 1 ["FORWARD"],
        /// Answer without allowing the origin.
        supported Ignore = 2 ["IGNORE"],
    }
}

message! {
    /// Faults to inject (FI).
    pub struct HttpFaultInjection {
        /// Wait first.
        supported delay: Option<Delay>,
        /// Answer with an error.
        supported abort: Option<Abort>,
    }
}

message! {
    /// A delay.
    pub struct Delay {
        /// Share in whole percent.
        deprecated percent: Option<i32>,
        /// How long.
        supported fixed_delay: Option<Duration> [oneof http_delay_type],
        /// Not implemented in Istio either.
        refused exponential_delay: Option<Duration> [oneof http_delay_type],
        /// Share.
        supported percentage: Option<Percent>,
    }
}

message! {
    /// An abort.
    pub struct Abort {
        /// HTTP status.
        supported http_status: Option<i32> [oneof error_type],
        /// gRPC status by name.
        supported grpc_status: Option<String> [oneof error_type],
        /// Not implemented in Istio either.
        refused http2_error: Option<String> [oneof error_type],
        /// Share.
        supported percentage: Option<Percent>,
    }
}

message! {
    /// A mirror.
    pub struct HttpMirrorPolicy {
        /// Where copies go.
        supported destination: Option<Destination>,
        /// Share of requests that are copied.
        supported percentage: Option<Percent>,
    }
}
