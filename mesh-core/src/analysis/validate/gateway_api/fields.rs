//! Values that many messages of the Gateway API have alike, within the bounds of its schema.

use std::collections::HashSet;

use crate::analysis::validate::{Check, names};
use crate::api::At;
use crate::api::gateway_api::ValueCondition;
use crate::error::Origin;

/// Most characters of most texts.
pub(super) const LONGEST: usize = 253;

/// The name of an object: any text, for what it names is there or is not.
pub(super) fn name(at: &At, text: &str, check: &mut Check<'_>) {
    if text.is_empty() {
        check.error(at.origin(), "`name` is needed");
    } else {
        length(at.field("name"), text, LONGEST, check);
    }
}

/// The group of a kind, empty for the core of Kubernetes.
pub(super) fn group(at: &At, text: Option<&str>, check: &mut Check<'_>) {
    if let Some(text) = text.filter(|text| !text.is_empty() && !names::is_subdomain(text)) {
        let hint = "such as gateway.networking.k8s.io, or \"\" for the core of Kubernetes";
        check.error_hint(at.field("group"), format!("`{text}` is not an API group"), hint);
    }
}

/// As [`group`], of a reference that has to say it.
pub(super) fn needed_group(at: &At, text: &str, check: &mut Check<'_>) {
    if at.lacks("group") {
        check.error_hint(at.origin(), "`group` is needed", "\"\" is the core of Kubernetes");
    }
    group(at, Some(text), check);
}

/// A kind.
pub(super) fn kind(at: &At, text: Option<&str>, check: &mut Check<'_>) {
    let fits = |text: &str| {
        text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if let Some(text) = text.filter(|text| !fits(text)) {
        let hint = "letters, digits and hyphens, a letter first, 63 at most";
        check.error_hint(at.field("kind"), format!("`{text}` is not a kind"), hint);
    }
}

/// As [`kind`], of a reference that has to say it.
pub(super) fn needed_kind(at: &At, text: &str, check: &mut Check<'_>) {
    if text.is_empty() {
        check.error(at.origin(), "`kind` is needed");
    } else {
        kind(at, Some(text), check);
    }
}

/// The namespace of a reference.
pub(super) fn namespace(at: &At, text: Option<&str>, check: &mut Check<'_>) {
    if let Some(text) = text.filter(|text| !names::is_label(text)) {
        check.error(at.field("namespace"), format!("`{text}` is not a namespace"));
    }
}

/// The name of a rule, a listener or a section.
pub(super) fn section(at: &At, field: &str, text: Option<&str>, check: &mut Check<'_>) {
    if let Some(text) = text.filter(|text| !names::is_subdomain(text)) {
        let hint = "small letters, digits, hyphens and dots";
        check.error_hint(at.field(field), format!("`{text}` is not a DNS-1123 name"), hint);
    }
}

/// A host, or `*.` and a host.
pub(super) fn hostname(text: &str, origin: Origin, check: &mut Check<'_>) {
    let name = text.strip_prefix("*.").unwrap_or(text);
    if text == "*" {
        check.error_hint(origin, "`*` is not a hostname", "leave it out to serve all hosts");
    } else if !names::is_subdomain(name) || text.len() > LONGEST {
        let hint = "small letters, digits, hyphens and dots, perhaps after `*.`";
        check.error_hint(origin, format!("`{text}` is not a hostname"), hint);
    }
}

/// A single host.
pub(super) fn precise_hostname(text: &str, origin: Origin, check: &mut Check<'_>) {
    if text.contains('*') {
        check.error(origin, format!("`{text}` is no single host"));
    } else {
        hostname(text, origin, check);
    }
}

/// Whether a text can name a header or a query parameter.
pub(super) fn is_token(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=256).contains(&text.len()) && text.bytes().all(token)
}

/// Whether a text can be the value of a header: what is visible, with single blanks between.
fn is_header_value(text: &str) -> bool {
    let words = text.split([' ', '\t']);
    words.clone().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic()))
}

/// The characters that the value of a condition or a header may have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    /// A header.
    Header,
    /// The metadata of a gRPC call.
    Metadata,
    /// A query parameter.
    Query,
}

/// A name and its value; several of a list differ in the name.
pub(super) fn pair<'n>(
    (at, name, value): (&At, &'n str, &str),
    of: Of,
    seen: &mut HashSet<&'n str>,
    check: &mut Check<'_>,
) {
    let (what, most) = match of {
        Of::Header | Of::Metadata => ("a header name", 4096),
        Of::Query => ("the name of a query parameter", 1024),
    };
    if !is_token(name) {
        check.error(at.field("name"), format!("{name:?} is not {what}"));
    } else if seen.contains(name) {
        check.error(at.field("name"), format!("`{name}` is written twice"));
    }
    seen.insert(name);
    if value.is_empty() {
        check.error(at.field("value"), "a value is needed");
    } else if matches!(of, Of::Header) && !is_header_value(value) {
        let hint = "visible ASCII characters, with single blanks between them";
        check.error_hint(at.field("value"), format!("{value:?} is not a header value"), hint);
    } else {
        length(at.field("value"), value, most, check);
    }
}

/// Conditions on headers or query parameters.
pub(super) fn conditions(at: &At, field: &str, list: &[ValueCondition], of: Of, check: &mut Check<'_>) {
    at_most(at, field, list.len(), 16, check);
    let mut seen = HashSet::new();
    for one in list {
        pair((&one.at, &one.name, &one.value), of, &mut seen, check);
    }
}

/// The bound of a text, in characters.
pub(super) fn length(origin: Origin, text: &str, most: usize, check: &mut Check<'_>) {
    let count = text.chars().count();
    if count > most {
        check.error(origin, format!("is {count} characters long: {most} at most"));
    }
}

/// The bound of a list.
pub(super) fn at_most(at: &At, field: &str, count: usize, most: usize, check: &mut Check<'_>) {
    if count > most {
        check.error(at.field(field), format!("has {count} entries: {most} at most"));
    }
}

/// Entries of a list of which each may stand there once.
pub(super) fn once(at: &At, field: &str, list: &[String], check: &mut Check<'_>) {
    let mut seen = HashSet::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        if !seen.insert(text) {
            check.error(at.item(field, index), format!("`{text}` is written twice"));
        }
    }
}
