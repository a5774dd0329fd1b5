//! From the Gateway API's matches to matchers, and the order of these.
//!
//! The Gateway API writes down less than a VirtualService and means other things with it: a prefix ends
//! where a segment ends, of two conditions on one header the first counts, and the most specific match
//! serves, not the first. [`Specificity`] is that order.

use crate::api::gateway_api::{
    GrpcRouteMatch, HttpRouteMatch, PathMatchType, ValueCondition, ValueMatchType,
};
use crate::plan::compile::rules::matches::MatchError;
use crate::route::{Matcher, PatternError, StringMatch};

/// How much a match asks for; the greater of two serves (GA-4, GA-5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Specificity {
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
pub(super) struct RouteMatch {
    /// What requests fit.
    pub(super) matcher: Matcher,
    /// Its place among others.
    pub(super) specificity: Specificity,
    /// Length of the path prefix without its last slash, for what replaces it (GA-8).
    pub(super) prefix: Option<usize>,
}

impl RouteMatch {
    /// The match of a rule without any: every path.
    pub(super) fn everything(grpc: bool) -> Self {
        let specificity = if grpc {
            Specificity { grpc, ..Specificity::default() }
        } else {
            Specificity { path: PREFIX, length: 1, ..Specificity::default() }
        };
        Self { matcher: Matcher::any().path_segments("/"), specificity, prefix: Some(0) }
    }

    /// Compiles a match of an HTTPRoute (GA-3).
    /// Fails with the first condition that is refused.
    pub(super) fn of_http(written: &HttpRouteMatch) -> Result<Self, MatchError> {
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
    /// Fails with the first condition that is refused.
    pub(super) fn of_grpc(written: &GrpcRouteMatch) -> Result<Self, MatchError> {
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
