//! Filters of rules and of destinations (GA-7 to GA-9).

use super::{backend, hostname, namespace, rules};
use crate::analysis::validate::Check;
use crate::api::At;
use crate::api::gateway_api::{
    HeaderModifier, HttpBackendFilter, HttpCors, HttpPathModifier, HttpPathModifierType, HttpRequestMirror,
    HttpRequestRedirect, HttpRouteFilter, HttpRouteFilterType, HttpRouteMatch, PathMatchType,
};
use crate::cors::CorsPolicy;
use crate::route::{Direction, HeaderOps, Redirect};

/// The filters of a rule with these matches.
pub(super) fn check(list: &[HttpRouteFilter], matches: &[HttpRouteMatch], check: &mut Check<'_>) {
    each(list, check);
    for (index, filter) in list.iter().enumerate() {
        let many = matches!(
            filter.r#type,
            None | Some(HttpRouteFilterType::RequestMirror | HttpRouteFilterType::ExtensionRef)
        );
        if !many && list[..index].iter().any(|other| other.r#type == filter.r#type) {
            let name = filter.r#type.map_or("", HttpRouteFilterType::as_str);
            check.error(filter.at.origin(), format!("a second filter of type {name}"));
        }
    }
    let rewrite = list.iter().find_map(|filter| filter.url_rewrite.as_ref());
    let redirect = list.iter().find_map(|filter| filter.request_redirect.as_ref());
    if let (Some(_), Some(redirect)) = (rewrite, redirect) {
        check.error(redirect.at.origin(), "excludes `urlRewrite`");
    }
    let paths = [
        rewrite.and_then(|rewrite| rewrite.path.as_ref()),
        redirect.and_then(|redirect| redirect.path.as_ref()),
    ];
    for path in paths.into_iter().flatten() {
        self::path(path, matches, check);
    }
    if let Some(rewrite) = rewrite
        && let Some(host) = &rewrite.hostname
    {
        precise(host, &rewrite.at, check);
    }
    if let Some(redirect) = redirect {
        if let Some(host) = &redirect.hostname {
            precise(host, &redirect.at, check);
        }
        if let Some(port) = redirect.port {
            check.port(&redirect.at, "port", port);
        }
        let but_for_port = HttpRequestRedirect { port: None, ..redirect.clone() };
        if let Err(reason) = Redirect::of_filter(&but_for_port, None, 80) {
            check.error(redirect.at.field("statusCode"), reason);
        }
    }
}

/// The filters of one destination; what is more than header changes was refused when it was read (GA-7).
pub(super) fn of_backend(list: &[HttpBackendFilter], check: &mut Check<'_>) {
    let list: Vec<HttpRouteFilter> = list.iter().map(Into::into).collect();
    each(&list, check);
}

/// Where a redirect is written, if there is one.
pub(super) fn redirect(list: &[HttpRouteFilter]) -> Option<&At> {
    list.iter().find_map(|filter| filter.request_redirect.as_ref()).map(|redirect| &redirect.at)
}

fn each(list: &[HttpRouteFilter], check: &mut Check<'_>) {
    for filter in list {
        let at = &filter.at;
        let Some(kind) = filter.r#type else {
            if !at.is_written("type") {
                check.error(at.origin(), "`type` is needed");
            }
            continue;
        };
        let fields = [
            (
                "requestHeaderModifier",
                HttpRouteFilterType::RequestHeaderModifier,
                filter.request_header_modifier.is_some(),
            ),
            (
                "responseHeaderModifier",
                HttpRouteFilterType::ResponseHeaderModifier,
                filter.response_header_modifier.is_some(),
            ),
            ("requestMirror", HttpRouteFilterType::RequestMirror, filter.request_mirror.is_some()),
            ("requestRedirect", HttpRouteFilterType::RequestRedirect, filter.request_redirect.is_some()),
            ("urlRewrite", HttpRouteFilterType::UrlRewrite, filter.url_rewrite.is_some()),
            ("cors", HttpRouteFilterType::Cors, filter.cors.is_some()),
            ("externalAuth", HttpRouteFilterType::ExternalAuth, filter.external_auth.is_some()),
            ("extensionRef", HttpRouteFilterType::ExtensionRef, filter.extension_ref.is_some()),
        ];
        for (name, of, set) in fields {
            if of == kind && !set {
                check.error(at.origin(), format!("a filter of type {} needs `{name}`", kind.as_str()));
            } else if of != kind && set {
                check.error(at.field(name), format!("does not belong to a filter of type {}", kind.as_str()));
            }
        }
        if let Some(modifier) = &filter.request_header_modifier {
            headers(modifier, Direction::Request, check);
        }
        if let Some(modifier) = &filter.response_header_modifier {
            headers(modifier, Direction::Response, check);
        }
        if let Some(mirror) = &filter.request_mirror {
            self::mirror(mirror, check);
        }
        if let Some(cors) = &filter.cors {
            self::cors(cors, check);
        }
    }
}

/// GA-7: one action for each name.
fn headers(modifier: &HeaderModifier, direction: Direction, check: &mut Check<'_>) {
    let at = &modifier.at;
    let entries = modifier.set.iter().chain(&modifier.add).map(|entry| (&entry.name, entry.at.field("name")));
    let removed = modifier.remove.iter().enumerate().map(|(index, name)| (name, at.item("remove", index)));
    let mut seen: Vec<&String> = Vec::new();
    for (name, origin) in entries.chain(removed) {
        if seen.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let hint = "one of set, add and remove, once; several values are joined by commas";
            check.error_hint(origin, format!("the header `{name}` has an action already"), hint);
        }
        seen.push(name);
    }
    if let Err(error) = HeaderOps::of_modifier(direction, modifier) {
        check.error(at.origin(), error.to_string());
    }
}

fn mirror(mirror: &HttpRequestMirror, check: &mut Check<'_>) {
    match &mirror.backend_ref {
        Some(to) => {
            backend(&to.at, (to.group.as_deref(), to.kind.as_deref()), &to.name, to.port, check);
            namespace(&to.at, to.namespace.as_deref(), check);
        }
        None => check.error(mirror.at.origin(), "a mirror needs a `backendRef`"),
    }
    if mirror.percent.is_some_and(|percent| !(0..=100).contains(&percent)) {
        check.error(mirror.at.field("percent"), "must be from 0 to 100");
    }
    if let Some(fraction) = &mirror.fraction {
        let whole = fraction.denominator.unwrap_or(100);
        if whole < 1 {
            check.error(fraction.at.field("denominator"), "must be at least 1");
        } else if !(0..=whole).contains(&fraction.numerator) {
            check.error(fraction.at.field("numerator"), format!("must be from 0 to {whole}"));
        }
    }
}

/// GA-7.
fn cors(cors: &HttpCors, check: &mut Check<'_>) {
    let at = &cors.at;
    for (index, origin) in cors.allow_origins.iter().enumerate() {
        let host = origin.split_once("://").filter(|(scheme, _)| !scheme.is_empty()).map(|(_, host)| host);
        let whole = host.is_some_and(|host| {
            !host.is_empty() && !host.contains(['/', '?', '#']) && host.matches('*').count() <= 1
        });
        if origin != "*" && !whole {
            let message = format!("`{origin}` is not an origin");
            check.error_hint(at.item("allowOrigins", index), message, "scheme://host[:port], or `*`");
        }
    }
    let method = |name: &str| super::super::names::METHODS.contains(&name);
    let header = |name: &str| http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    stars(at, "allowMethods", &cors.allow_methods, "a method", method, check);
    stars(at, "allowHeaders", &cors.allow_headers, "a header name", header, check);
    stars(at, "exposeHeaders", &cors.expose_headers, "a header name", header, check);
    if cors.max_age == Some(0) {
        check.error(at.field("maxAge"), "must be at least 1");
    }
    if let Err(reason) = CorsPolicy::of_filter(cors) {
        check.error(at.origin(), reason);
    }
}

/// Names, or `*` alone.
fn stars(
    at: &At,
    field: &str,
    list: &[String],
    what: &str,
    fits: impl Fn(&str) -> bool,
    check: &mut Check<'_>,
) {
    for (index, name) in list.iter().enumerate() {
        if name == "*" && list.len() > 1 {
            check.error(at.item(field, index), "`*` stands alone");
        } else if name != "*" && !fits(name) {
            check.error(at.item(field, index), format!("{name:?} is not {what}"));
        }
    }
}

/// GA-8.
fn path(path: &HttpPathModifier, matches: &[HttpRouteMatch], check: &mut Check<'_>) {
    let at = &path.at;
    let fields = [
        (HttpPathModifierType::ReplaceFullPath, "replaceFullPath", &path.replace_full_path),
        (HttpPathModifierType::ReplacePrefixMatch, "replacePrefixMatch", &path.replace_prefix_match),
    ];
    let Some(kind) = path.r#type else {
        if !at.is_written("type") {
            check.error(at.origin(), "`type` is needed");
        }
        return;
    };
    for (of, name, value) in fields {
        match value {
            None if of == kind => {
                check.error(at.origin(), format!("the type {} needs `{name}`", kind.as_str()));
            }
            Some(_) if of != kind => {
                check.error(at.field(name), format!("does not belong to the type {}", kind.as_str()));
            }
            Some(value) if !value.is_empty() => rules::absolute(value, at.field(name), check),
            None | Some(_) => {}
        }
    }
    let by_prefix = |one: &HttpRouteMatch| {
        one.path.as_ref().is_none_or(|path| path.r#type.unwrap_or_default() == PathMatchType::PathPrefix)
    };
    if kind == HttpPathModifierType::ReplacePrefixMatch && !matches.iter().all(by_prefix) {
        check.error(at.field("type"), "needs matches of type PathPrefix alone");
    }
}

fn precise(host: &str, at: &At, check: &mut Check<'_>) {
    if host.contains('*') {
        check.error(at.field("hostname"), format!("`{host}` is no single host"));
    } else {
        hostname(host, at.field("hostname"), check);
    }
}
