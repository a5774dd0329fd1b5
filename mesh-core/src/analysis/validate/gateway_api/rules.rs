//! Rules of routes: matches, destinations, limits (GA-3, GA-5, GA-6, GA-10).

use std::collections::HashSet;

use super::fields::{Of, at_most, conditions, length};
use super::{backend, filters};
use crate::analysis::validate::Check;
use crate::api::At;
use crate::api::gateway_api::{
    GrpcMethodMatch, GrpcRouteRule, HttpBackendRef, HttpMethod, HttpPathMatch, HttpRouteFilter,
    HttpRouteMatch, HttpRouteRetry, HttpRouteRule, HttpRouteTimeouts, PathMatchType, ValueMatchType,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::error::Origin;

pub(super) fn http(rule: &HttpRouteRule, check: &mut Check<'_>) {
    at_most(&rule.at, "matches", rule.matches.len(), 64, check);
    for one in &rule.matches {
        if let Some(path) = &one.path {
            self::path(path, check);
        }
        conditions(&one.at, "headers", &one.headers, Of::Header, check);
        conditions(&one.at, "queryParams", &one.query_params, Of::Query, check);
    }
    filters::check(&rule.at, &rule.filters, check);
    filters::paths(&rule.filters, has_prefix(rule), check);
    if let Some(at) = filters::redirect(&rule.filters).filter(|_| !rule.backend_refs.is_empty()) {
        check.error(at.origin(), "excludes `backendRefs`: the answer is a redirect");
    }
    backends(&rule.at, &rule.backend_refs, check);
    if let Some(timeouts) = &rule.timeouts {
        self::timeouts(timeouts, check);
    }
    if let Some(retry) = &rule.retry {
        self::retry(retry, &rule.matches, check);
    }
}

/// Whether the rule has one match, by a prefix of the path, which a filter can replace (GA-8). A rule without
/// matches has that.
fn has_prefix(rule: &HttpRouteRule) -> bool {
    match rule.matches.as_slice() {
        [] => !rule.at.is_written("matches"),
        [one] => {
            one.path.as_ref().is_none_or(|path| path.r#type.unwrap_or_default() == PathMatchType::PathPrefix)
        }
        _ => false,
    }
}

pub(super) fn grpc(rule: &GrpcRouteRule, check: &mut Check<'_>) {
    at_most(&rule.at, "matches", rule.matches.len(), 64, check);
    for one in &rule.matches {
        if let Some(method) = &one.method {
            self::method(method, check);
        }
        conditions(&one.at, "headers", &one.headers, Of::Metadata, check);
    }
    let list: Vec<HttpRouteFilter> = rule.filters.iter().map(Into::into).collect();
    filters::check(&rule.at, &list, check);
    let list: Vec<HttpBackendRef> = rule.backend_refs.iter().map(Into::into).collect();
    backends(&rule.at, &list, check);
}

/// GA-5.
fn method(method: &GrpcMethodMatch, check: &mut Check<'_>) {
    let at = &method.at;
    if method.service.is_none() && method.method.is_none() {
        check.error(at.origin(), "one of `service` and `method` is needed");
    }
    let exact = method.r#type.unwrap_or_default() == ValueMatchType::Exact;
    let texts: [(_, _, fn(&str) -> bool); 2] =
        [("service", &method.service, is_service), ("method", &method.method, is_word)];
    for (field, text, fits) in texts {
        let Some(text) = text else { continue };
        if exact && text.contains('/') {
            check.error(at.field(field), "has no `/`: service and method stand apart");
        } else if exact && !fits(text) {
            let message = format!("`{text}` is not the name of a {field}");
            check.error_hint(at.field(field), message, "letters, digits and `_`, no digit first");
        } else {
            length(at.field(field), text, 1024, check);
        }
    }
}

fn is_service(text: &str) -> bool {
    text.strip_prefix('.').unwrap_or(text).split('.').all(is_word)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// GA-3.
fn path(path: &HttpPathMatch, check: &mut Check<'_>) {
    let Some(value) = path.value.as_deref() else { return };
    if path.r#type.unwrap_or_default() == PathMatchType::RegularExpression {
        // One that we cannot read costs its rule, not the route (GA-11).
        length(path.at.field("value"), value, 1024, check);
        return;
    }
    absolute(value, path.at.field("value"), check);
}

/// A path as it stands in a request line.
fn absolute(value: &str, origin: Origin, check: &mut Check<'_>) {
    if !value.starts_with('/') {
        check.error_hint(origin, format!("`{value}` does not begin with `/`"), format!("write /{value}"));
        return;
    }
    let ends = ["/.", "/.."].iter().any(|end| value.ends_with(end));
    let holds = ["//", "/./", "/../", "%2f", "%2F", "#"].into_iter().find(|part| value.contains(part));
    if let Some(part) = holds {
        check.error(origin, format!("a path may not hold `{part}`"));
    } else if ends {
        check.error(origin, "a path may not end with a dot segment");
    } else if let Some(bad) = unfit(value) {
        check.error_hint(origin, format!("a path may not hold {bad:?}"), "write what is no ASCII as %XX");
    } else {
        length(origin, value, 1024, check);
    }
}

/// The first character that may not stand in a path.
fn unfit(value: &str) -> Option<char> {
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        let fits = match c {
            '%' => {
                let after = rest.as_str().as_bytes();
                after.len() >= 2 && after[..2].iter().all(u8::is_ascii_hexdigit)
            }
            c => c.is_ascii_alphanumeric() || "-/._~!$&'()*+,;=:@".contains(c),
        };
        if !fits {
            return Some(c);
        }
    }
    None
}

fn backends(at: &At, list: &[HttpBackendRef], check: &mut Check<'_>) {
    at_most(at, "backendRefs", list.len(), 16, check);
    for one in list {
        let kind = (one.group.as_deref(), one.kind.as_deref());
        backend(&one.at, kind, (&one.name, one.namespace.as_deref()), one.port, check);
        if let Some(weight) = one.weight.filter(|weight| !(0..=1_000_000).contains(weight)) {
            check.error(one.at.field("weight"), format!("must be from 0 to 1000000, not {weight}"));
        }
        filters::of_backend(&one.at, &one.filters, check);
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
    let mut seen = HashSet::new();
    for (index, code) in retry.codes.iter().enumerate() {
        if !(400..600).contains(code) {
            check.error(retry.at.item("codes", index), format!("{code} is no status from 400 to 599"));
        } else if !seen.insert(code) {
            check.error(retry.at.item("codes", index), format!("{code} is written twice"));
        }
    }
    if let Some(attempts) = retry.attempts.filter(|attempts| *attempts < 1) {
        let hint = "without `retry` nothing is tried again";
        check.error_hint(retry.at.field("attempts"), format!("must be at least 1, not {attempts}"), hint);
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
    if !retry.codes.is_empty() && (matches.is_empty() || !matches.iter().all(harmless)) {
        let message = "may repeat a POST or PATCH that was processed";
        let finding =
            Diagnostic::new(Code::RetriesMayRepeatProcessedRequest, retry.at.field("codes"), message);
        check.report(finding.hint("match the methods that may be repeated"));
    }
}
