//! From the Gateway API's matches and filters to matchers, header operations, redirects and rewrites.
//!
//! The Gateway API writes down less than a VirtualService and means other things with it: a prefix ends
//! where a segment ends, of two conditions on one header the first counts, and the most specific match
//! serves, not the first. [`Specificity`] is that order.

use std::time::Duration;

use http::StatusCode;
use http::uri::Authority;

use super::{
    Direction, HeaderOps, HeaderOpsError, MatchError, Matcher, PathRewrite, PatternError, Redirect,
    RedirectPath, RedirectPort, Rewrite, StringMatch,
};
use crate::api::gateway_api::{
    GrpcRouteMatch, HeaderModifier, HttpCors, HttpPathModifier, HttpPathModifierType, HttpRequestRedirect,
    HttpRouteMatch, HttpUrlRewrite, PathMatchType, RedirectScheme, ValueCondition, ValueMatchType,
};
use crate::cors::CorsPolicy;
use crate::telemetry::access_log::Template;

/// How much a match asks for; the greater of two serves (GA-4, GA-5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Specificity {
    /// Whether it asks for anything: what takes all comes last.
    asks: bool,
    /// On a host with both, gRPC routes are asked before HTTP routes **[O]**.
    grpc: bool,
    /// Exact path, prefix, expression; for gRPC the length of the service.
    path: usize,
    /// Length of path or expression; for gRPC of the method.
    length: usize,
    method: bool,
    headers: usize,
    query_params: usize,
}

const EXPRESSION: usize = 1;
const PREFIX: usize = 2;
const EXACT: usize = 3;

/// A match of a Gateway API route, compiled.
#[derive(Clone, Debug)]
pub struct RouteMatch {
    /// What requests fit.
    pub matcher: Matcher,
    /// Its place among others.
    pub specificity: Specificity,
    /// Length of the path prefix without its last slash, for what replaces it (GA-8).
    pub prefix: Option<usize>,
}

impl RouteMatch {
    /// The match of a rule without any: every path.
    #[must_use]
    pub fn everything(grpc: bool) -> Self {
        let specificity = if grpc {
            Specificity { grpc, ..Specificity::default() }
        } else {
            Specificity { path: PREFIX, length: 1, ..Specificity::default() }
        };
        Self { matcher: Matcher::any().path_segments("/"), specificity, prefix: Some(0) }
    }

    /// Compiles a match of an HTTPRoute (GA-3).
    ///
    /// # Errors
    /// The first condition that is refused.
    pub fn of_http(written: &HttpRouteMatch) -> Result<Self, MatchError> {
        let mut this = Self::everything(false);
        if let Some(path) = &written.path {
            let value = path.value.as_deref().unwrap_or("/");
            (this.matcher, this.specificity.path, this.prefix) = match path.r#type.unwrap_or_default() {
                PathMatchType::PathPrefix => {
                    let prefix = value.trim_end_matches('/');
                    (Matcher::any().path_segments(value), PREFIX, Some(prefix.len()))
                }
                PathMatchType::Exact => (Matcher::any().uri(StringMatch::exact(value), false), EXACT, None),
                PathMatchType::RegularExpression => {
                    let regex = StringMatch::regex(value).map_err(refused("path.value"))?;
                    (Matcher::any().uri(regex, false), EXPRESSION, None)
                }
            };
            this.specificity.length = this.prefix.map_or(value.len(), |prefix| prefix.max(1));
        }
        if let Some(method) = written.method {
            this.matcher = this.matcher.method(StringMatch::exact(method.as_str()));
            this.specificity.method = true;
        }
        this.headers(&written.headers)?;
        let mut seen: Vec<&str> = Vec::new();
        for one in &written.query_params {
            if seen.contains(&one.name.as_str()) {
                continue;
            }
            seen.push(&one.name);
            let want = value_match(one).map_err(refused("queryParams.value"))?;
            this.matcher = this.matcher.query_param(&one.name, Some(want));
        }
        this.specificity.query_params = seen.len();
        this.specificity.asks = !this.matcher.is_catch_all();
        Ok(this)
    }

    /// Compiles a match of a GRPCRoute: its service and method are the path (GA-5).
    ///
    /// # Errors
    /// The first condition that is refused.
    pub fn of_grpc(written: &GrpcRouteMatch) -> Result<Self, MatchError> {
        let mut this = Self::everything(true);
        if let Some(method) = &written.method {
            let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
            let (service, name) = (text(&method.service), text(&method.method));
            let length = |text: &Option<String>| text.as_deref().map_or(0, str::len);
            (this.specificity.path, this.specificity.length) = (length(&service), length(&name));
            let exact = method.r#type.unwrap_or_default() == ValueMatchType::Exact;
            this.matcher = match (exact, service, name) {
                (_, None, None) => this.matcher,
                (true, Some(service), Some(name)) => {
                    Matcher::any().uri(StringMatch::exact(&format!("/{service}/{name}")), false)
                }
                (true, Some(service), None) => {
                    Matcher::any().uri(StringMatch::prefix(&format!("/{service}/")), false)
                }
                (true, None, Some(name)) => {
                    let regex = StringMatch::regex(&format!("/[^/]+/{}", regex::escape(&name)));
                    Matcher::any().uri(regex.map_err(refused("method.method"))?, false)
                }
                (false, service, name) => {
                    let any = || "[^/]+".to_owned();
                    let (service, name) = (service.unwrap_or_else(any), name.unwrap_or_else(any));
                    let regex = StringMatch::regex(&format!("/(?:{service})/(?:{name})"));
                    Matcher::any().uri(regex.map_err(refused("method"))?, false)
                }
            };
        }
        this.headers(&written.headers)?;
        this.specificity.asks = !this.matcher.is_catch_all();
        Ok(this)
    }

    /// Adds the conditions on headers; of several for one name the first counts (GA-3).
    fn headers(&mut self, written: &[ValueCondition]) -> Result<(), MatchError> {
        let mut seen: Vec<&str> = Vec::new();
        for one in written {
            let name = one.name.as_str();
            if seen.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                continue;
            }
            seen.push(name);
            let want = value_match(one).map_err(refused("headers.value"))?;
            let matcher = std::mem::take(&mut self.matcher);
            self.matcher = matcher.header(name, Some(want)).map_err(refused("headers.name"))?;
        }
        self.specificity.headers = seen.len();
        Ok(())
    }
}

fn value_match(written: &ValueCondition) -> Result<StringMatch, PatternError> {
    match written.r#type.unwrap_or_default() {
        ValueMatchType::Exact => Ok(StringMatch::exact(&written.value)),
        ValueMatchType::RegularExpression => StringMatch::regex(&written.value),
    }
}

fn refused(field: &str) -> impl FnOnce(PatternError) -> MatchError + use<'_> {
    move |reason| MatchError { field: field.to_owned(), reason }
}

impl HeaderOps {
    /// Compiles the header changes of a filter (GA-7).
    ///
    /// Values may hold `%VAR%` as in a VirtualService, because Istio fills them here too. What is no
    /// known variable is meant as it stands, as the Gateway API says. What a message cannot have is not
    /// removed from it, and a response has no host to set.
    ///
    /// # Errors
    /// As [`HeaderOps::build`].
    pub fn of_modifier(direction: Direction, written: &HeaderModifier) -> Result<Self, HeaderOpsError> {
        let literal = |value: &str| match Template::parse(value) {
            Ok(_) => value.to_owned(),
            Err(_) => value.replace('%', "%%"),
        };
        let is_host = |name: &str| name.eq_ignore_ascii_case("host");
        let values = |entries: &[crate::api::gateway_api::HeaderEntry]| -> Vec<(String, String)> {
            let kept =
                entries.iter().filter(|entry| direction == Direction::Request || !is_host(&entry.name));
            kept.map(|entry| (entry.name.clone(), literal(&entry.value))).collect()
        };
        let (set, add) = (values(&written.set), values(&written.add));
        let removable = |name: &&str| !is_host(name) && http::HeaderName::from_bytes(name.as_bytes()).is_ok();
        Self::build(
            direction,
            written.remove.iter().map(String::as_str).filter(removable),
            set.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            add.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        )
    }
}

impl Redirect {
    /// Compiles a redirect filter for a match with this path prefix, at a listener of this port
    /// (GA-7 to GA-9).
    ///
    /// # Errors
    /// If the status is none of 301, 302, 303, 307, 308, or the port is none.
    pub fn of_filter(
        written: &HttpRequestRedirect,
        prefix: Option<usize>,
        listener: u16,
    ) -> Result<Self, String> {
        let code = written.status_code.unwrap_or(302);
        let status = u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok());
        let port = match (written.port, written.scheme) {
            (Some(port), _) => u16::try_from(port)
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| format!("port {port} is not within 1 and 65535"))?,
            (None, Some(RedirectScheme::Http)) => 80,
            (None, Some(RedirectScheme::Https)) => 443,
            (None, None) => listener,
        };
        let path = written.path.as_ref().map(|path| match replacement(path) {
            Replacement::Whole(to) => RedirectPath::Full(rooted(to)),
            Replacement::Prefix(to) => {
                RedirectPath::Segments { matched: prefix.unwrap_or_default(), to: to.into() }
            }
        });
        Ok(Self {
            status: status
                .filter(|status| Self::is_supported(*status))
                .ok_or_else(|| format!("status code {code} is none of 301, 302, 303, 307, 308"))?,
            scheme: written.scheme.map(|scheme| scheme.as_str().into()),
            authority: written.hostname.as_deref().map(Into::into),
            port: RedirectPort::Fixed(port),
            path: path.unwrap_or_default(),
        })
    }
}

impl Rewrite {
    /// Compiles a rewrite filter for a match with this path prefix (GA-7, GA-8).
    ///
    /// # Errors
    /// If the host is none.
    pub fn of_filter(written: &HttpUrlRewrite, prefix: Option<usize>) -> Result<Self, String> {
        let path = written.path.as_ref().map(|path| match replacement(path) {
            Replacement::Whole(to) => PathRewrite::Whole(rooted(to)),
            Replacement::Prefix(to) => {
                PathRewrite::Segments { matched: prefix.unwrap_or_default(), to: to.into() }
            }
        });
        let authority = written
            .hostname
            .as_deref()
            .map(|host| Authority::try_from(host).map_err(|error| format!("hostname {host:?}: {error}")));
        Ok(Self { path, authority: authority.transpose()? })
    }
}

impl CorsPolicy {
    /// Compiles a CORS filter (GA-7).
    ///
    /// # Errors
    /// If a value can't stand in a header.
    pub fn of_filter(written: &HttpCors) -> Result<Self, String> {
        let origins = written.allow_origins.iter().map(|origin| match origin.split_once('*') {
            // `*` alone is any origin.
            None | Some(("", "")) => Ok(StringMatch::exact(origin)),
            Some((before, after)) => {
                let (before, after) = (regex::escape(before), regex::escape(after));
                StringMatch::regex(&format!("{before}[^/]+{after}")).map_err(|error| error.to_string())
            }
        });
        let origins = origins.collect::<Result<Vec<_>, _>>()?;
        let policy =
            Self::of_lists(origins, &written.allow_methods, &written.allow_headers, &written.expose_headers)
                .map_err(|error| error.to_string())?;
        let age = Duration::from_secs(u64::from(written.max_age.unwrap_or(5)));
        Ok(policy.credentials(written.allow_credentials.unwrap_or_default()).max_age(age))
    }
}

enum Replacement<'w> {
    Whole(&'w str),
    Prefix(&'w str),
}

/// A path begins with `/`, whether that was written or not.
fn rooted(path: &str) -> Box<str> {
    if path.starts_with('/') { path.into() } else { format!("/{path}").into() }
}

fn replacement(written: &HttpPathModifier) -> Replacement<'_> {
    match written.r#type.unwrap_or_default() {
        HttpPathModifierType::ReplaceFullPath => {
            Replacement::Whole(written.replace_full_path.as_deref().unwrap_or("/"))
        }
        HttpPathModifierType::ReplacePrefixMatch => {
            Replacement::Prefix(written.replace_prefix_match.as_deref().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests;
