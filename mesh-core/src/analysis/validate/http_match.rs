//! Conditions of an HTTP rule (VM).

use super::gateways::gateways;
use super::{Check, text};
use crate::api::istio::{HttpMatchRequest, StringMatch};
use crate::diagnostic::Code;
use crate::error::Origin;
use crate::route::{Matcher, Pattern};

/// One block of conditions.
pub(super) fn block(block: &HttpMatchRequest, bound_to_gateway: bool, check: &mut Check<'_>) {
    let at = &block.at;
    if let Some(uri) = &block.uri {
        text(uri, true, check);
    }
    for condition in [&block.scheme, &block.method, &block.authority].into_iter().flatten() {
        text(condition, false, check);
    }
    for (field, headers) in [("headers", &block.headers), ("withoutHeaders", &block.without_headers)] {
        for (name, condition) in headers {
            header_name(name, at.entry(field, name), bound_to_gateway, check);
            text(condition, false, check);
        }
    }
    for (name, condition) in &block.query_params {
        if name.is_empty() {
            let message = "a query parameter needs a name: no request has this one";
            check.note(Code::SchemaWarning, at.entry("queryParams", name), message);
        }
        text(condition, false, check);
    }
    if let Some(port) = block.port.filter(|port| *port != 0) {
        check.port(at, "port", port);
    }
    check.labels(at, "sourceLabels", &block.source_labels);
    gateways(at, &block.gateways, check);
    if !block.source_namespace.is_empty() && !text::is_label(&block.source_namespace) {
        check.error(at.field("sourceNamespace"), format!("`{}` is not a namespace", block.source_namespace));
    }
}

/// VM-2. Presence (`{}` and the regex `*`) is legal everywhere but for the URI.
pub(super) fn text(condition: &StringMatch, uri: bool, check: &mut Check<'_>) {
    let at = &condition.at;
    if condition.prefix.as_deref() == Some("") && !uri {
        check.error(at.field("prefix"), "an empty prefix fits everything; leave the condition out");
    }
    let Some(regex) = &condition.regex else { return };
    if regex == "*" && !uri {
        return;
    }
    pattern(regex, at.field("regex"), check);
}

pub(super) fn pattern(regex: &str, origin: Origin, check: &mut Check<'_>) {
    if let Err(error) = Pattern::new(regex) {
        let text = error.to_string();
        // The library draws the expression over several lines; its last says what is wrong.
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let hint = (regex == "*" || regex.starts_with("*.")).then_some("in a regex, \"anything\" is `.*`");
        match hint {
            Some(hint) => check.error_hint(origin, reason, hint),
            None => check.error(origin, reason),
        }
    }
}

/// VM-5, VM-8.
fn header_name(name: &str, origin: Origin, bound_to_gateway: bool, check: &mut Check<'_>) {
    if name.starts_with("@request.auth.claims") {
        if !bound_to_gateway {
            check.error(origin, "JWT claims can be matched at a gateway only");
        } else if let Err(error) = Matcher::any().header(name, None) {
            check.error(origin, error.to_string());
        }
        return;
    }
    let plain = name.strip_prefix(':').map_or(name, |pseudo| {
        if matches!(pseudo, "method" | "scheme" | "authority" | "path") { pseudo } else { name }
    });
    if http::HeaderName::from_bytes(plain.as_bytes()).is_err() {
        check.error(origin, format!("{name:?} is not a header name"));
    }
}
