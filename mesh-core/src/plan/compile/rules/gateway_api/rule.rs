//! Rules of both kinds of routes in one form, with their references resolved (GA-5 to GA-10).

use std::sync::Arc;
use std::time::Duration;

use super::filters;
use super::matches::RouteMatch;
use super::reference::{Destined, Reference, References};
use super::{Problem, RouteDocument, RouteKind};
use crate::analysis::validate::rule_of_filter;
use crate::api::gateway_api::{
    GrpcRouteRule, HttpBackendRef, HttpRequestMirror, HttpRequestRedirect, HttpRouteFilter,
    HttpRouteFilterType, HttpRouteRetry, HttpRouteRule, HttpRouteTimeouts, HttpUrlRewrite, ParentReference,
};
use crate::api::{At, Documents, Resource};
use crate::cors::CorsPolicy;
use crate::diagnostic::Code;
use crate::error::Origin;
use crate::plan::compile::inputs::refusal;
use crate::plan::compile::rules::matches::MatchError;
use crate::retry::{Backoff, RetryOn, RetryPolicy};
use crate::route::{Direction, HeaderOps};
use crate::units::Percent;

/// One rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) index: usize,
    pub(super) name: Arc<str>,
    pub(super) origin: Origin,
    pub(super) matches: Vec<RouteMatch>,
    pub(super) backends: Vec<Backend>,
    pub(super) mirrors: Vec<(Result<Destined, Problem>, Percent)>,
    pub(super) request_headers: HeaderOps,
    pub(super) response_headers: HeaderOps,
    pub(super) redirect: Option<HttpRequestRedirect>,
    pub(super) rewrite: Option<HttpUrlRewrite>,
    pub(super) cors: Option<Arc<CorsPolicy>>,
    /// An unknown filter: every request gets 500 (GA-7).
    pub(super) unknown_filter: Option<Problem>,
    /// A filter that was refused when it was read, and is reported: every request gets 500.
    pub(super) refused_filter: Option<Problem>,
    pub(super) timeout: Option<Duration>,
    pub(super) retry: Option<Arc<RetryPolicy>>,
}

/// One destination.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) weight: u32,
    pub(super) origin: Origin,
    pub(super) target: Result<Destined, Problem>,
    pub(super) request_headers: HeaderOps,
    pub(super) response_headers: HeaderOps,
}

impl Rule {
    /// Whether a filter of it is not applied, so that requests must not pass.
    pub(super) const fn lacks_filter(&self) -> bool {
        self.unknown_filter.is_some() || self.refused_filter.is_some()
    }

    /// What is wrong with its references; grants matter at a Gateway alone.
    pub(super) fn problems(&self, at_gateway: bool) -> impl Iterator<Item = &Problem> {
        let targets = self.backends.iter().map(|backend| &backend.target);
        let targets = targets.chain(self.mirrors.iter().map(|(target, _)| target));
        let of_targets = targets.filter_map(move |target| match target {
            Ok(destined) => destined.forbidden.as_ref().filter(|_| at_gateway),
            Err(problem) => Some(problem),
        });
        self.unknown_filter.iter().chain(of_targets)
    }
}

/// All routes, oldest first, then by `namespace/name` (GA-4).
pub(super) fn routes<'a>(
    documents: &'a Documents,
    references: &References<'a, '_>,
) -> Vec<RouteDocument<'a>> {
    let http = documents.http_routes.iter().map(|resource| {
        let rules = resource.spec.rules.iter().enumerate();
        let mut route =
            document(RouteKind::Http, resource, &resource.spec.hostnames, &resource.spec.parent_refs);
        for (index, rule) in rules {
            let made =
                http_rule(resource, index, rule, references).map(|rule| without_filter(resource, rule));
            made.map_or_else(|problem| route.dropped.push(problem), |rule| route.rules.push(rule));
        }
        if resource.spec.rules.is_empty() {
            route.rules.push(bare(RouteKind::Http, resource, &resource.spec.at));
        }
        route
    });
    let grpc = documents.grpc_routes.iter().map(|resource| {
        let rules = resource.spec.rules.iter().enumerate();
        let mut route =
            document(RouteKind::Grpc, resource, &resource.spec.hostnames, &resource.spec.parent_refs);
        for (index, rule) in rules {
            let made =
                grpc_rule(resource, index, rule, references).map(|rule| without_filter(resource, rule));
            made.map_or_else(|problem| route.dropped.push(problem), |rule| route.rules.push(rule));
        }
        if resource.spec.rules.is_empty() {
            route.rules.push(bare(RouteKind::Grpc, resource, &resource.spec.at));
        }
        route
    });
    let refused_http = refusal::refused(documents, |documents| &documents.http_routes).iter();
    let refused_http = refused_http.filter_map(|resource| {
        let spec = &resource.spec;
        let matches = |rule: &HttpRouteRule| rule.matches.iter().map(RouteMatch::of_http).collect();
        let rules = spec.rules.iter().map(|rule| (rule.at.clone(), matches(rule))).collect();
        refused(RouteKind::Http, resource, &spec.hostnames, &spec.parent_refs, &spec.at, rules)
    });
    let refused_grpc = refusal::refused(documents, |documents| &documents.grpc_routes).iter();
    let refused_grpc = refused_grpc.filter_map(|resource| {
        let spec = &resource.spec;
        let matches = |rule: &GrpcRouteRule| rule.matches.iter().map(RouteMatch::of_grpc).collect();
        let rules = spec.rules.iter().map(|rule| (rule.at.clone(), matches(rule))).collect();
        refused(RouteKind::Grpc, resource, &spec.hostnames, &spec.parent_refs, &spec.at, rules)
    });
    let mut routes: Vec<RouteDocument<'a>> =
        http.chain(grpc).chain(refused_http).chain(refused_grpc).collect();
    routes.sort_by_cached_key(|route| {
        let meta = route.meta;
        (meta.creation_timestamp, format!("{}/{}", meta.namespace, meta.name))
    });
    routes
}

fn document<'a, T>(
    kind: RouteKind,
    resource: &'a Resource<T>,
    hostnames: &'a [String],
    parent_refs: &'a [ParentReference],
) -> RouteDocument<'a> {
    RouteDocument {
        kind,
        meta: &resource.meta,
        source: &resource.source,
        origin: resource.origin(),
        hostnames,
        parent_refs,
        parents: Vec::new(),
        rules: Vec::new(),
        dropped: Vec::new(),
        refused: None,
    }
}

/// What the rules of a refused route match, where they stand.
type Written = Vec<(At, Result<Vec<RouteMatch>, MatchError>)>;

/// A route that is refused: all that its rules match answers so, and where it cannot be read what they match, all
/// that is for its hosts and no narrower rule (Y-12). `None` if its hosts cannot be read.
fn refused<'a, T>(
    kind: RouteKind,
    resource: &'a Resource<T>,
    hostnames: &'a [String],
    parent_refs: &'a [ParentReference],
    at: &At,
    rules: Written,
) -> Option<RouteDocument<'a>> {
    if hostnames.is_empty() && resource.source.refuses("spec.hostnames") {
        return None;
    }
    let mut route = document(kind, resource, hostnames, parent_refs);
    route.refused = Some(Arc::clone(&resource.source.resource));
    let paths: Vec<Arc<str>> = rules.iter().map(|(at, _)| at.origin().path).collect();
    let Some(readable) = refusal::readable(&resource.source, "spec.rules", "matches", &paths) else {
        route.rules.push(bare(kind, resource, at));
        return Some(route);
    };
    for (index, ((at, matches), readable)) in rules.into_iter().zip(readable).enumerate() {
        let mut rule = Rule { index, ..bare(kind, resource, &at) };
        if let Some(matches) = matches.ok().filter(|matches| readable && !matches.is_empty()) {
            rule.matches = matches;
        }
        route.rules.push(rule);
    }
    Some(route)
}

/// The rule, with what is refused of its filters.
fn without_filter<T>(resource: &Resource<T>, rule: Rule) -> Rule {
    let refused = resource.source.refused.iter().find(|path| rule_of_filter(path) == Some(rule.index));
    let refused_filter = refused.map(|path| {
        let origin = Origin { path: path.clone(), ..rule.origin.clone() };
        let message = format!("{path} is refused: requests get 500");
        Problem::new("UnsupportedValue", Code::SchemaValidationError, origin, message)
    });
    Rule { refused_filter, ..rule }
}

/// A rule that takes every path and leads nowhere, until it is filled.
fn bare<T>(kind: RouteKind, resource: &Resource<T>, at: &At) -> Rule {
    Rule {
        index: 0,
        name: name(resource, 0, None),
        origin: resource.locate(at.origin()),
        matches: vec![RouteMatch::everything(kind == RouteKind::Grpc)],
        backends: Vec::new(),
        mirrors: Vec::new(),
        request_headers: HeaderOps::default(),
        response_headers: HeaderOps::default(),
        redirect: None,
        rewrite: None,
        cors: None,
        unknown_filter: None,
        refused_filter: None,
        timeout: None,
        retry: None,
    }
}

/// A rule's own name, else `namespace.route.number`.
fn name<T>(resource: &Resource<T>, index: usize, written: Option<&str>) -> Arc<str> {
    match written.filter(|name| !name.is_empty()) {
        Some(name) => name.into(),
        None => format!("{}.{}.{index}", resource.meta.namespace, resource.meta.name).into(),
    }
}

fn http_rule<T>(
    resource: &Resource<T>,
    index: usize,
    written: &HttpRouteRule,
    references: &References<'_, '_>,
) -> Result<Rule, Problem> {
    let mut rule = bare(RouteKind::Http, resource, &written.at);
    (rule.index, rule.name) = (index, name(resource, index, written.name.as_deref()));
    let matches = written
        .matches
        .iter()
        .map(|one| RouteMatch::of_http(one).map_err(|error| unsupported(resource, &one.at, &error)));
    let matches = matches.collect::<Result<Vec<_>, _>>()?;
    if !matches.is_empty() {
        rule.matches = matches;
    }
    let parts = Parts { kind: RouteKind::Http, resource, references };
    parts.filters(&mut rule, &written.filters);
    parts.backends(&mut rule, &written.backend_refs);
    limits(&mut rule, written.timeouts.as_ref(), written.retry.as_ref(), resource);
    Ok(rule)
}

fn grpc_rule<T>(
    resource: &Resource<T>,
    index: usize,
    written: &GrpcRouteRule,
    references: &References<'_, '_>,
) -> Result<Rule, Problem> {
    let mut rule = bare(RouteKind::Grpc, resource, &written.at);
    (rule.index, rule.name) = (index, name(resource, index, written.name.as_deref()));
    let matches = written
        .matches
        .iter()
        .map(|one| RouteMatch::of_grpc(one).map_err(|error| unsupported(resource, &one.at, &error)));
    let matches = matches.collect::<Result<Vec<_>, _>>()?;
    if !matches.is_empty() {
        rule.matches = matches;
    }
    let parts = Parts { kind: RouteKind::Grpc, resource, references };
    let filters: Vec<HttpRouteFilter> = written.filters.iter().map(Into::into).collect();
    parts.filters(&mut rule, &filters);
    let backends: Vec<HttpBackendRef> = written.backend_refs.iter().map(Into::into).collect();
    parts.backends(&mut rule, &backends);
    Ok(rule)
}

/// A condition that is legal and that we cannot read, such as a regular expression of another dialect:
/// its rule is dropped, the others stay (GA-11).
fn unsupported<T>(resource: &Resource<T>, at: &At, error: &MatchError) -> Problem {
    let text = error.reason.to_string();
    let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let message = format!("{}: {reason}: the rule is dropped", error.field);
    let field = error.field.split('.').next().unwrap_or_default();
    Problem::new("UnsupportedValue", Code::SchemaValidationError, resource.locate(at.field(field)), message)
}

/// What rules of both kinds have alike.
struct Parts<'p, 'a, 'r, T> {
    kind: RouteKind,
    resource: &'p Resource<T>,
    references: &'p References<'a, 'r>,
}

impl<T> Parts<'_, '_, '_, T> {
    fn filters(&self, rule: &mut Rule, written: &[HttpRouteFilter]) {
        let modifiers = modifiers(written);
        (rule.request_headers, rule.response_headers) = modifiers;
        for filter in written {
            if let Some(redirect) = &filter.request_redirect {
                rule.redirect = Some(redirect.clone());
            }
            if let Some(rewrite) = &filter.url_rewrite {
                rule.rewrite = Some(rewrite.clone());
            }
            if let Some(cors) = &filter.cors {
                // Validated: every value can stand in a header.
                rule.cors = filters::cors(cors).ok().map(Arc::new);
            }
            if let Some(mirror) = &filter.request_mirror {
                rule.mirrors.extend(self.mirror(mirror));
            }
            if let Some(problem) = self.unknown(filter) {
                rule.unknown_filter = Some(problem);
            }
        }
    }

    /// GA-7: no filter of another resource is known.
    fn unknown(&self, filter: &HttpRouteFilter) -> Option<Problem> {
        (filter.r#type == Some(HttpRouteFilterType::ExtensionRef)).then(|| {
            let name =
                filter.extension_ref.as_ref().map(|to| format!("{}/{} {}", to.group, to.kind, to.name));
            let message =
                format!("the filter {} is not implemented: requests get 500", name.unwrap_or_default());
            let origin = self.resource.locate(filter.at.field("extensionRef"));
            Problem::new("InvalidKind", Code::NotImplemented, origin, message)
        })
    }

    fn mirror(&self, written: &HttpRequestMirror) -> Option<(Result<Destined, Problem>, Percent)> {
        let share = match (&written.percent, &written.fraction) {
            (Some(percent), _) => f64::from(*percent),
            (None, Some(part)) => {
                100.0 * f64::from(part.numerator) / f64::from(part.denominator.unwrap_or(100).max(1))
            }
            (None, None) => 100.0,
        };
        let percent = Percent::new(share).ok().filter(|percent| !percent.is_zero());
        let to = written.backend_ref.as_ref()?;
        Some((self.destination(to.into(), to.at.origin()), percent?))
    }

    fn destination(&self, reference: Reference<'_>, origin: Origin) -> Result<Destined, Problem> {
        let own = &self.resource.meta.namespace;
        self.references.destination(self.kind, own, reference, &self.resource.locate(origin))
    }

    fn backends(&self, rule: &mut Rule, written: &[HttpBackendRef]) {
        rule.backends = written.iter().map(|one| self.backend(one)).collect();
    }

    fn backend(&self, written: &HttpBackendRef) -> Backend {
        let filters: Vec<HttpRouteFilter> = written.filters.iter().map(Into::into).collect();
        let (request_headers, response_headers) = modifiers(&filters);
        let unknown = filters.iter().find_map(|filter| self.unknown(filter));
        Backend {
            weight: written.weight.map_or(1, |weight| u32::try_from(weight).unwrap_or_default()),
            origin: self.resource.locate(written.at.origin()),
            target: match unknown {
                Some(problem) => Err(problem),
                None => self.destination(written.into(), written.at.origin()),
            },
            request_headers,
            response_headers,
        }
    }
}

fn modifiers(written: &[HttpRouteFilter]) -> (HeaderOps, HeaderOps) {
    let made = |direction, modifier| filters::header_ops(direction, modifier).unwrap_or_default();
    let request = written.iter().find_map(|filter| filter.request_header_modifier.as_ref());
    let response = written.iter().find_map(|filter| filter.response_header_modifier.as_ref());
    (
        request.map(|modifier| made(Direction::Request, modifier)).unwrap_or_default(),
        response.map(|modifier| made(Direction::Response, modifier)).unwrap_or_default(),
    )
}

/// GA-10.
fn limits<T>(
    rule: &mut Rule,
    timeouts: Option<&HttpRouteTimeouts>,
    retry: Option<&HttpRouteRetry>,
    resource: &Resource<T>,
) {
    let some = |duration: Duration| Some(duration).filter(|duration| !duration.is_zero());
    let whole = timeouts.and_then(|timeouts| some(timeouts.request?.0));
    let part = timeouts.and_then(|timeouts| some(timeouts.backend_request?.0));
    rule.timeout = if retry.is_some() { whole } else { part.or(whole) };
    let Some(written) = retry else { return };
    let origin = resource.locate(written.at.origin());
    let attempts = written.attempts.map_or(2, |attempts| u32::try_from(attempts).unwrap_or_default());
    if attempts == 0 {
        rule.timeout = part.or(whole);
        rule.retry = Some(Arc::new(RetryPolicy { origin, ..RetryPolicy::off() }));
        return;
    }
    let on = RetryOn::CONNECT_FAILURE
        .union(RetryOn::REFUSED_STREAM)
        .union(RetryOn::UNAVAILABLE)
        .union(RetryOn::CANCELLED);
    let base = RetryPolicy::default_policy();
    rule.retry = Some(Arc::new(RetryPolicy {
        attempts,
        on: if written.codes.is_empty() { on } else { on.union(RetryOn::RETRIABLE_STATUS_CODES) },
        status_codes: written.codes.iter().filter_map(|code| u16::try_from(*code).ok()).collect(),
        per_try_timeout: part,
        backoff: written.backoff.map_or(base.backoff, |backoff| Backoff::new(backoff.0)),
        written: true,
        origin,
        ..base
    }));
}
