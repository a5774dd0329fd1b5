//! The actions of an HTTP rule (VA, RT, FI).

use super::traffic_policy::destination;
use super::{Check, http_match};
use crate::analysis::blocks;
use crate::api::istio::{
    CorsPolicy, Headers, HttpDirectResponse, HttpFaultInjection, HttpRedirect, HttpRewrite, HttpRoute,
};
use crate::diagnostic::Code;
use crate::error::Origin;
use crate::retry::RetryPolicy;
use crate::route::{DirectResponse, Direction, HeaderOps, PathRewrite, Pattern, Redirect, is_framing};
use crate::split::{SplitError, WeightedSplit};
use crate::units::Percent;

/// The size from which a fixed body is reported (VA-9).
const LARGE_BODY: usize = 100 * 1024;

/// All actions of a rule.
pub(super) fn check(rule: &HttpRoute, check: &mut Check<'_>) {
    let at = &rule.at;
    destinations(rule, check);
    if let Some(redirect) = &rule.redirect {
        self::redirect(redirect, rule, check);
    }
    if let Some(response) = &rule.direct_response {
        direct_response(response, check);
    }
    if let Some(rewrite) = &rule.rewrite {
        self::rewrite(rewrite, check);
    }
    check.duration(at, "timeout", rule.timeout);
    if let Some(retries) = &rule.retries {
        check.refused(blocks::retry(retries, &RetryPolicy::default_policy()));
    }
    if let Some(fault) = &rule.fault {
        self::fault(fault, check);
    }
    if let Some(mirror) = &rule.mirror {
        destination(mirror, check);
    }
    for mirror in &rule.mirrors {
        match &mirror.destination {
            Some(to) => destination(to, check),
            None => check.error(mirror.at.origin(), "a mirror needs a `destination`"),
        }
    }
    let shares = rule.mirrors.iter().map(|mirror| &mirror.percentage).chain([&rule.mirror_percentage]);
    for share in shares.flatten() {
        if let Err(error) = Percent::or_never(share.value) {
            check.error(share.at.field("value"), error.to_string());
        }
    }
    if rule.mirror_percent.is_some_and(|percent| Percent::or_never(percent.into()).is_err()) {
        check.error(at.field("mirrorPercent"), "must be between 0 and 100");
    }
    if let Some(cors) = &rule.cors_policy {
        self::cors(cors, check);
    }
    if let Some(headers) = &rule.headers {
        self::headers(headers, check);
        authority_once(rule, headers, check);
    }
}

/// The authority is set in one place: by `rewrite`, or by one of the names that it has among headers.
fn authority_once(rule: &HttpRoute, headers: &Headers, check: &mut Check<'_>) {
    let rewrite = rule.rewrite.as_ref().and_then(|rewrite| rewrite.authority.as_ref());
    let mut set = rewrite.is_some_and(|authority| !authority.is_empty());
    let Some(operations) = &headers.request else { return };
    for (field, map) in [("set", &operations.set), ("add", &operations.add)] {
        let is_authority =
            |name: &str| name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host");
        for (name, value) in map.iter().filter(|(name, _)| is_authority(name)) {
            if set {
                check.error(operations.at.entry(field, name), "the authority is set a second time");
            }
            set = set || !value.is_empty();
        }
    }
}

/// VA-1, VA-3.
fn destinations(rule: &HttpRoute, check: &mut Check<'_>) {
    let mut weights = Vec::with_capacity(rule.route.len());
    for to in &rule.route {
        match &to.destination {
            Some(host) => destination(host, check),
            None => check.error(to.at.origin(), "a `destination` is needed"),
        }
        let weight = to.weight.unwrap_or(0);
        check.not_negative(&to.at, "weight", weight);
        weights.push(u32::try_from(weight).unwrap_or_default());
        if let Some(headers) = &to.headers {
            self::headers(headers, check);
        }
    }
    // A rule that leads nowhere does something else.
    if let Err(error @ (SplitError::ZeroTotal | SplitError::TooLarge)) = WeightedSplit::new(&weights) {
        check.error(rule.at.field("route"), error.to_string());
    }
}

/// VA-4, VA-6.
fn headers(headers: &Headers, check: &mut Check<'_>) {
    let sides = [(Direction::Request, &headers.request), (Direction::Response, &headers.response)];
    for (direction, operations) in sides {
        let Some(operations) = operations else { continue };
        let at = &operations.at;
        for (index, name) in operations.remove.iter().enumerate() {
            if let Err(error) = HeaderOps::build(direction, [name.as_str()], [], []) {
                check.error(at.item("remove", index), error.to_string());
            }
            framing(name, || at.item("remove", index), check);
        }
        for (field, map) in [("set", &operations.set), ("add", &operations.add)] {
            for (name, value) in map {
                if let Err(error) = HeaderOps::build(direction, [], [(name.as_str(), value.as_str())], []) {
                    check.error(at.entry(field, name), error.to_string());
                }
                framing(name, || at.entry(field, name), check);
            }
        }
    }
}

/// Reports an operation on a header that a rule must not change.
pub(super) fn framing(name: &str, origin: impl FnOnce() -> Origin, check: &mut Check<'_>) {
    if is_framing(name) {
        let message = format!("`{name}` frames the message on its connection: it stays as it is");
        check.note(Code::SchemaWarning, origin(), message);
    }
}

/// VA-8.
fn redirect(redirect: &HttpRedirect, rule: &HttpRoute, check: &mut Check<'_>) {
    let at = &redirect.at;
    let set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let somewhere = set(&redirect.uri)
        || set(&redirect.prefix_rewrite)
        || set(&redirect.authority)
        || set(&redirect.scheme)
        || redirect.port.is_some()
        || redirect.derive_port.is_some();
    if !somewhere {
        check.error(at.origin(), "a redirect must change something: `uri`, `authority`, `scheme` or `port`");
    }
    if set(&redirect.uri) && set(&redirect.prefix_rewrite) {
        check.error(at.field("prefixRewrite"), "excludes `uri`");
    }
    // A match that asks nothing of the path has the prefix `/`.
    let all_prefixes =
        rule.r#match.iter().filter_map(|block| block.uri.as_ref()).all(|uri| uri.prefix.is_some());
    if set(&redirect.prefix_rewrite) && !all_prefixes {
        check.error(at.field("prefixRewrite"), "every `uri` of the rule's matches must be a `prefix`");
    }
    if let Some(scheme) =
        redirect.scheme.as_deref().filter(|scheme| !matches!(*scheme, "" | "http" | "https"))
    {
        check.error(at.field("scheme"), format!("must be http or https, not {scheme:?}"));
    }
    if let Some(port) = redirect.port.filter(|port| *port != 0) {
        check.port(at, "port", port);
    }
    if let Some(code) = redirect.redirect_code.filter(|code| *code != 0) {
        match Redirect::status_of(code) {
            Some(_) => {}
            None if (300..400).contains(&code) => check.note(
                Code::SchemaWarning,
                at.field("redirectCode"),
                format!("{code} is not a code to redirect with; the rule is left out"),
            ),
            None => check.error_hint(
                at.field("redirectCode"),
                format!("{code} is not a redirect"),
                "one of 301, 302, 303, 307, 308",
            ),
        }
    }
}

/// VA-9: a body of this size is legal, and costs memory.
fn direct_response(response: &HttpDirectResponse, check: &mut Check<'_>) {
    check.refused(blocks::direct_response(response));
    let Some(body) = &response.body else { return };
    let size = body.string.as_ref().map_or(0, String::len);
    let size = size.max(body.bytes.as_ref().map_or(0, |bytes| bytes.0.len()));
    if size > LARGE_BODY && size <= DirectResponse::MAX_BODY {
        let message = format!("the body has {size} bytes, which every copy of the configuration holds");
        check.note(Code::SchemaWarning, body.at.origin(), message);
    }
}

/// VA-7.
fn rewrite(rewrite: &HttpRewrite, check: &mut Check<'_>) {
    let at = &rewrite.at;
    let set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    match (set(&rewrite.uri), &rewrite.uri_regex_rewrite) {
        (true, Some(_)) => check.error(at.field("uriRegexRewrite"), "excludes `uri`"),
        (false, None) if !set(&rewrite.authority) => {
            check.error(at.origin(), "one of `uri`, `uriRegexRewrite` and `authority` is needed");
        }
        _ => {}
    }
    if let Some(regex) = &rewrite.uri_regex_rewrite {
        if regex.r#match.is_empty() {
            check.error(regex.at.field("match"), "a regex is needed");
        } else if regex.rewrite.is_empty() {
            check.error(regex.at.field("rewrite"), "a text to put in its place is needed");
        } else if regex.r#match.len() > Pattern::MAX {
            check.error(regex.at.field("match"), format!("a regex has at most {} characters", Pattern::MAX));
        } else if let Err(error) = PathRewrite::regex(&regex.r#match, &regex.rewrite) {
            let text = error.to_string();
            let field =
                if matches!(error, crate::route::RewriteError::Pattern(_)) { "match" } else { "rewrite" };
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            check.error(regex.at.field(field), reason);
        }
    }
}

/// FI-1: what is legal and does nothing, or something else than it says.
fn fault(fault: &HttpFaultInjection, check: &mut Check<'_>) {
    check.refused(blocks::fault(fault));
    if let Some(delay) = &fault.delay {
        if delay.fixed_delay.is_none() && !delay.at.is_written("exponentialDelay") {
            check.note(Code::SchemaWarning, delay.at.origin(), "without `fixedDelay` nothing is delayed");
        }
        if delay.percent.is_some_and(|percent| !(0..=100).contains(&percent)) {
            let message = "is not between 0 and 100: every request is delayed";
            check.note(Code::SchemaWarning, delay.at.field("percent"), message);
        }
    }
    if let Some(abort) = &fault.abort
        && abort.http_status.is_none()
        && abort.grpc_status.is_none()
    {
        let message = "without `httpStatus` or `grpcStatus` nothing is aborted";
        check.note(Code::SchemaWarning, abort.at.origin(), message);
    }
}

/// VA-11.
fn cors(cors: &CorsPolicy, check: &mut Check<'_>) {
    let at = &cors.at;
    for origin in &cors.allow_origins {
        let text = [&origin.exact, &origin.prefix, &origin.regex].into_iter().find_map(Option::as_deref);
        if text.is_none_or(str::is_empty) {
            check.error(origin.at.origin(), "an origin must not be empty");
        } else if let Some(regex) = &origin.regex {
            http_match::pattern(regex, origin.at.field("regex"), check);
        }
    }
    for (index, method) in cors.allow_methods.iter().enumerate() {
        if method != "*" && !super::names::METHODS.contains(&method.as_str()) {
            check.error(at.item("allowMethods", index), format!("{method:?} is not a method"));
        }
    }
    for (field, list) in [("allowHeaders", &cors.allow_headers), ("exposeHeaders", &cors.expose_headers)] {
        for (index, name) in list.iter().enumerate() {
            if name != "*" && !super::is_header_list(name) {
                check.error(at.item(field, index), format!("{name:?} is not a header name"));
            }
        }
    }
    if cors.max_age.is_some_and(|age| age.is_zero() || age.subsec_nanos() != 0) {
        check.error(at.field("maxAge"), "must be whole seconds, and one at least");
    }
}
