//! Rules of routes: matches, destinations, limits (GA-3, GA-5, GA-6, GA-10).

use super::{backend, filters, namespace};
use crate::analysis::validate::Check;
use crate::analysis::{Code, Diagnostic};
use crate::api::gateway_api::{
    GrpcRouteRule, HttpBackendRef, HttpMethod, HttpPathMatch, HttpRouteFilter, HttpRouteMatch,
    HttpRouteRetry, HttpRouteRule, HttpRouteTimeouts, PathMatchType, ValueMatchType,
};
use crate::error::Origin;

pub(super) fn http(rule: &HttpRouteRule, check: &mut Check<'_>) {
    for one in &rule.matches {
        if let Some(path) = &one.path {
            self::path(path, check);
        }
        for header in &one.headers {
            header_name(&header.name, header.at.field("name"), check);
        }
        for parameter in one.query_params.iter().filter(|parameter| parameter.name.is_empty()) {
            check.error(parameter.at.origin(), "a query parameter needs a name");
        }
    }
    filters::check(&rule.filters, &rule.matches, check);
    if let Some(at) = filters::redirect(&rule.filters).filter(|_| !rule.backend_refs.is_empty()) {
        check.error(at.origin(), "excludes `backendRefs`: the answer is a redirect");
    }
    backends(&rule.backend_refs, check);
    if let Some(timeouts) = &rule.timeouts {
        self::timeouts(timeouts, check);
    }
    if let Some(retry) = &rule.retry {
        self::retry(retry, &rule.matches, check);
    }
}

pub(super) fn grpc(rule: &GrpcRouteRule, check: &mut Check<'_>) {
    for one in &rule.matches {
        if let Some(method) = &one.method {
            let texts = [("service", &method.service), ("method", &method.method)];
            if texts.iter().all(|(_, text)| text.as_deref().unwrap_or_default().is_empty()) {
                check.error(method.at.origin(), "one of `service` and `method` is needed");
            }
            let exact = method.r#type.unwrap_or_default() == ValueMatchType::Exact;
            for (field, text) in texts.iter().filter_map(|(field, text)| Some((*field, text.as_deref()?))) {
                if exact && text.contains('/') {
                    check.error(method.at.field(field), "has no `/`: service and method stand apart");
                }
            }
        }
        for header in &one.headers {
            header_name(&header.name, header.at.field("name"), check);
        }
    }
    let list: Vec<HttpRouteFilter> = rule.filters.iter().map(Into::into).collect();
    filters::check(&list, &[], check);
    let list: Vec<HttpBackendRef> = rule.backend_refs.iter().map(Into::into).collect();
    backends(&list, check);
}

/// GA-3.
fn path(path: &HttpPathMatch, check: &mut Check<'_>) {
    let Some(value) = path.value.as_deref() else { return };
    if path.r#type.unwrap_or_default() == PathMatchType::RegularExpression {
        // One that we cannot read costs its rule, not the route (GA-11).
        return;
    }
    absolute(value, path.at.field("value"), check);
}

/// A path as it stands in a request line.
pub(super) fn absolute(value: &str, origin: Origin, check: &mut Check<'_>) {
    if !value.starts_with('/') {
        check.error_hint(origin, format!("`{value}` does not begin with `/`"), format!("write /{value}"));
        return;
    }
    let lower = value.to_ascii_lowercase();
    let ends = ["/.", "/.."].iter().any(|end| value.ends_with(end));
    let holds = ["//", "/./", "/../", "%2f", "#"].into_iter().find(|part| lower.contains(part));
    if let Some(part) = holds {
        check.error(origin, format!("a path may not hold `{part}`"));
    } else if ends {
        check.error(origin, "a path may not end with a dot segment");
    }
}

fn header_name(name: &str, origin: Origin, check: &mut Check<'_>) {
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        check.error(origin, format!("{name:?} is not a header name"));
    }
}

fn backends(list: &[HttpBackendRef], check: &mut Check<'_>) {
    for one in list {
        let kind = (one.group.as_deref(), one.kind.as_deref());
        backend(&one.at, kind, &one.name, one.port, check);
        namespace(&one.at, one.namespace.as_deref(), check);
        if let Some(weight) = one.weight.filter(|weight| !(0..=1_000_000).contains(weight)) {
            check.error(one.at.field("weight"), format!("must be from 0 to 1000000, not {weight}"));
        }
        filters::of_backend(&one.filters, check);
    }
}

/// GA-10.
fn timeouts(timeouts: &HttpRouteTimeouts, check: &mut Check<'_>) {
    let whole = timeouts.request.filter(|whole| !whole.0.is_zero());
    if let (Some(whole), Some(part)) = (whole, timeouts.backend_request)
        && part > whole
    {
        check.error(timeouts.at.field("backendRequest"), "is longer than `request`");
    }
}

/// GA-10, RT-19.
fn retry(retry: &HttpRouteRetry, matches: &[HttpRouteMatch], check: &mut Check<'_>) {
    for (index, code) in retry.codes.iter().enumerate() {
        if !(400..600).contains(code) {
            check.error(retry.at.item("codes", index), format!("{code} is no status from 400 to 599"));
        }
    }
    if let Some(attempts) = retry.attempts {
        check.not_negative(&retry.at, "attempts", attempts);
    }
    if retry.backoff.is_some_and(|backoff| backoff.0.is_zero()) {
        check.error(retry.at.field("backoff"), "must be at least 1ms");
    }
    let harmless = |one: &HttpRouteMatch| {
        matches!(
            one.method,
            Some(
                HttpMethod::Get
                    | HttpMethod::Head
                    | HttpMethod::Options
                    | HttpMethod::Trace
                    | HttpMethod::Put
                    | HttpMethod::Delete
            )
        )
    };
    let repeats = !retry.codes.is_empty() && retry.attempts != Some(0);
    if repeats && (matches.is_empty() || !matches.iter().all(harmless)) {
        let message = "may repeat a POST or PATCH that was processed";
        let finding =
            Diagnostic::new(Code::RetriesMayRepeatProcessedRequest, retry.at.field("codes"), message);
        check.report(finding.hint("match the methods that may be repeated"));
    }
}
