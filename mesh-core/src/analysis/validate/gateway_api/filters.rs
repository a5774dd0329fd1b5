//! Filters of rules and of destinations (GA-7 to GA-9).

use std::collections::{HashMap, HashSet};

use super::backend;
use super::fields::{self, Of, at_most, length, once, pair, precise_hostname};
use crate::analysis::validate::http_action::framing;
use crate::analysis::validate::{Check, names};
use crate::api::At;
use crate::api::gateway_api::{
    HeaderModifier, HttpBackendFilter, HttpCors, HttpPathModifier, HttpPathModifierType, HttpRequestMirror,
    HttpRequestRedirect, HttpRouteFilter, HttpRouteFilterType, HttpUrlRewrite, LocalObjectReference,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::route::Direction;

/// Most filters of a rule or a destination, and most entries of a list of header changes.
const MOST: usize = 16;

/// The filters of the rule at this place.
pub(super) fn check(at: &At, list: &[HttpRouteFilter], check: &mut Check<'_>) {
    at_most(at, "filters", list.len(), MOST, check);
    each(list, check);
    let of = |kind| list.iter().find(|filter| filter.r#type == Some(kind));
    if let (Some(_), Some(redirect)) =
        (of(HttpRouteFilterType::UrlRewrite), of(HttpRouteFilterType::RequestRedirect))
    {
        let at = redirect.request_redirect.as_ref().map_or(&redirect.at, |redirect| &redirect.at);
        check.error(at.origin(), "excludes `urlRewrite`");
    }
}

/// Whether what replaces a prefix has the one that it replaces (GA-8).
pub(super) fn paths(list: &[HttpRouteFilter], has_prefix: bool, check: &mut Check<'_>) {
    let rewritten = list.iter().filter_map(|filter| filter.url_rewrite.as_ref()?.path.as_ref());
    let redirected = list.iter().filter_map(|filter| filter.request_redirect.as_ref()?.path.as_ref());
    let by_prefix = |path: &&HttpPathModifier| {
        path.r#type == Some(HttpPathModifierType::ReplacePrefixMatch) && path.replace_prefix_match.is_some()
    };
    for path in rewritten.chain(redirected).filter(|path| !has_prefix && by_prefix(path)) {
        check.error(path.at.field("type"), "needs one match, of type PathPrefix");
    }
}

/// The filters of one destination; what is more than header changes was refused when it was read (GA-7).
pub(super) fn of_backend(at: &At, list: &[HttpBackendFilter], check: &mut Check<'_>) {
    at_most(at, "filters", list.len(), MOST, check);
    let list: Vec<HttpRouteFilter> = list.iter().map(Into::into).collect();
    each(&list, check);
}

/// Where a redirect is written, if there is one.
pub(super) fn redirect(list: &[HttpRouteFilter]) -> Option<&At> {
    list.iter().find_map(|filter| filter.request_redirect.as_ref()).map(|redirect| &redirect.at)
}

fn each(list: &[HttpRouteFilter], check: &mut Check<'_>) {
    let mut kinds = HashSet::new();
    for filter in list {
        let at = &filter.at;
        let Some(kind) = filter.r#type else {
            if !at.is_written("type") {
                check.error(at.origin(), "`type` is needed");
            }
            continue;
        };
        let many = matches!(
            kind,
            HttpRouteFilterType::RequestMirror
                | HttpRouteFilterType::ExtensionRef
                | HttpRouteFilterType::ExternalAuth
        );
        if !kinds.insert(kind) && !many {
            check.error(at.origin(), format!("a second filter of type {}", kind.as_str()));
        }
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
            if of == kind && !set && !at.is_written(name) {
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
        if let Some(redirect) = &filter.request_redirect {
            redirected(redirect, check);
        }
        if let Some(rewrite) = &filter.url_rewrite {
            rewritten(rewrite, check);
        }
        if let Some(cors) = &filter.cors {
            self::cors(cors, check);
        }
        if let Some(to) = &filter.extension_ref {
            extension(to, check);
        }
    }
}

/// GA-7. A name in several of the lists is legal, if odd: it is removed, then set, then added.
fn headers(modifier: &HeaderModifier, direction: Direction, check: &mut Check<'_>) {
    let at = &modifier.at;
    for (field, list) in [("set", &modifier.set), ("add", &modifier.add)] {
        at_most(at, field, list.len(), MOST, check);
        let mut seen = HashSet::new();
        for one in list {
            pair((&one.at, &one.name, &one.value), Of::Header, &mut seen, check);
            framing(&one.name, || one.at.field("name"), check);
            if direction == Direction::Response && one.name.eq_ignore_ascii_case("host") {
                odd(one.at.field("name"), "a response has no host: nothing is done".to_owned(), check);
            }
        }
    }
    at_most(at, "remove", modifier.remove.len(), MOST, check);
    once(at, "remove", &modifier.remove, check);
    for (index, name) in modifier.remove.iter().enumerate() {
        framing(name, || at.item("remove", index), check);
    }
    let entries = [("set", &modifier.set), ("add", &modifier.add)]
        .into_iter()
        .flat_map(|(field, list)| list.iter().map(move |entry| (field, &entry.name, entry.at.field("name"))));
    let removed =
        modifier.remove.iter().enumerate().map(|(index, name)| ("remove", name, at.item("remove", index)));
    let mut seen: HashMap<String, (&str, &String)> = HashMap::new();
    for (field, name, origin) in entries.chain(removed) {
        let known = seen.get(&name.to_ascii_lowercase());
        if field == "remove" && (!fields::is_token(name) || name.eq_ignore_ascii_case("host")) {
            odd(origin, format!("{name:?} is no header that can be removed: nothing is done"), check);
        } else if known.is_some_and(|known| *known != (field, name)) {
            let message = format!("the header `{name}` has an action already");
            let hint = "one of set, add and remove, once; several values are joined by commas";
            check.report(Diagnostic::new(Code::SchemaWarning, origin, message).hint(hint));
        }
        seen.entry(name.to_ascii_lowercase()).or_insert((field, name));
    }
}

/// Reports legal values that are probably mistakes.
fn odd(origin: crate::error::Origin, message: String, check: &mut Check<'_>) {
    check.report(Diagnostic::new(Code::SchemaWarning, origin, message));
}

fn extension(to: &LocalObjectReference, check: &mut Check<'_>) {
    fields::needed_group(&to.at, &to.group, check);
    fields::needed_kind(&to.at, &to.kind, check);
    fields::name(&to.at, &to.name, check);
}

fn mirror(mirror: &HttpRequestMirror, check: &mut Check<'_>) {
    match &mirror.backend_ref {
        Some(to) => {
            let kind = (to.group.as_deref(), to.kind.as_deref());
            backend(&to.at, kind, (&to.name, to.namespace.as_deref()), to.port, check);
        }
        None if !mirror.at.is_written("backendRef") => {
            check.error(mirror.at.origin(), "a mirror needs a `backendRef`");
        }
        None => {}
    }
    if mirror.percent.is_some_and(|percent| !(0..=100).contains(&percent)) {
        check.error(mirror.at.field("percent"), "must be from 0 to 100");
    }
    if let Some(fraction) = &mirror.fraction {
        let whole = fraction.denominator.unwrap_or(100);
        if fraction.at.lacks("numerator") {
            check.error(fraction.at.origin(), "`numerator` is needed");
        } else if whole < 1 {
            check.error(fraction.at.field("denominator"), "must be at least 1");
        } else if !(0..=whole).contains(&fraction.numerator) {
            check.error(fraction.at.field("numerator"), format!("must be from 0 to {whole}"));
        }
    }
}

/// GA-7, GA-9.
fn redirected(redirect: &HttpRequestRedirect, check: &mut Check<'_>) {
    let at = &redirect.at;
    if let Some(host) = &redirect.hostname {
        precise_hostname(host, at.field("hostname"), check);
    }
    if let Some(port) = redirect.port {
        check.port(at, "port", port);
    }
    if let Some(code) = redirect.status_code.filter(|code| !matches!(code, 301 | 302 | 303 | 307 | 308)) {
        check.error(at.field("statusCode"), format!("status code {code} is none of 301, 302, 303, 307, 308"));
    }
    if let Some(path) = &redirect.path {
        self::path(path, check);
    }
}

fn rewritten(rewrite: &HttpUrlRewrite, check: &mut Check<'_>) {
    if let Some(host) = &rewrite.hostname {
        precise_hostname(host, rewrite.at.field("hostname"), check);
    }
    if let Some(path) = &rewrite.path {
        self::path(path, check);
    }
}

/// GA-7.
fn cors(cors: &HttpCors, check: &mut Check<'_>) {
    let at = &cors.at;
    let method = |name: &str| names::METHODS.contains(&name);
    names_or_star(at, ("allowOrigins", &cors.allow_origins, 64), "an origin", is_origin, check);
    names_or_star(at, ("allowMethods", &cors.allow_methods, 9), "a method", method, check);
    names_or_star(at, ("allowHeaders", &cors.allow_headers, 64), "a header name", fields::is_token, check);
    at_most(at, "exposeHeaders", cors.expose_headers.len(), 64, check);
    once(at, "exposeHeaders", &cors.expose_headers, check);
    for (index, name) in cors.expose_headers.iter().enumerate().filter(|(_, name)| !fields::is_token(name)) {
        check.error(at.item("exposeHeaders", index), format!("{name:?} is not a header name"));
    }
    if cors.max_age == Some(0) {
        check.error(at.field("maxAge"), "must be at least 1");
    } else if cors.max_age.is_some_and(|age| i32::try_from(age).is_err()) {
        check.error(at.field("maxAge"), "must be at most 2147483647");
    }
}

/// `http://` or `https://`, a host of which the first label may be `*`, perhaps a port.
fn is_origin(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
    else {
        return false;
    };
    let (host, port) = rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let label = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    text.len() <= fields::LONGEST
        && port.is_none_or(|port| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()))
        && (host == "*" || host.strip_prefix("*.").unwrap_or(host).split('.').all(label))
}

/// Names, each once, or `*` alone.
fn names_or_star(
    at: &At,
    (field, list, most): (&str, &[String], usize),
    what: &str,
    fits: impl Fn(&str) -> bool,
    check: &mut Check<'_>,
) {
    at_most(at, field, list.len(), most, check);
    once(at, field, list, check);
    for (index, name) in list.iter().enumerate() {
        if name == "*" && list.len() > 1 {
            check.error(at.item(field, index), "`*` stands alone");
        } else if name != "*" && !fits(name) {
            let finding = format!("{name:?} is not {what}");
            if field == "allowOrigins" {
                let hint = "http or https://host[:port], `*` for the first label of the host or for all";
                check.error_hint(at.item(field, index), finding, hint);
            } else {
                check.error(at.item(field, index), finding);
            }
        }
    }
}

/// GA-8.
fn path(path: &HttpPathModifier, check: &mut Check<'_>) {
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
            None if of == kind && !at.is_written(name) => {
                check.error(at.origin(), format!("the type {} needs `{name}`", kind.as_str()));
            }
            Some(_) if of != kind => {
                check.error(at.field(name), format!("does not belong to the type {}", kind.as_str()));
            }
            Some(value) => length(at.field(name), value, 1024, check),
            None => {}
        }
    }
}
