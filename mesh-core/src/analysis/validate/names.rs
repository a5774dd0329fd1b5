//! Legal names: labels, hosts, ports (N-1, H-2, P-1).

use crate::api::At;
use crate::error::Origin;
use crate::text_map::TextMap;

use super::Check;

/// A DNS-1123 label: letters, digits and inner hyphens, at most 63.
pub(super) fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(inner)
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-')
}

/// A DNS-1123 name: labels joined by dots, at most 253.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// A DNS-1123 subdomain, as Kubernetes names most objects: labels of any length, at most 253 in all.
pub(super) fn is_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// The key of a label or an annotation: a name of 63 characters, perhaps behind a subdomain and a `/`.
pub(super) fn is_qualified(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    prefix.is_none_or(is_subdomain) && !name.is_empty() && is_label_value(name)
}

/// The value of a label: nothing, or at most 63 letters, digits, `-`, `_` and `.`, of which the first and the
/// last are letters or digits.
pub(super) fn is_label_value(text: &str) -> bool {
    let outer = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && outer(bytes.first())
        && outer(bytes.last())
}

/// The name of a container's port.
pub(super) fn is_port_name(text: &str) -> bool {
    text.len() <= 15 && is_label(text) && !text.contains("--") && text.bytes().any(|b| b.is_ascii_lowercase())
}

/// Labels as Kubernetes takes them, in a map of that field.
pub(super) fn labels(at: &At, field: &str, labels: &TextMap<String>, check: &mut Check<'_>) {
    for (key, value) in labels {
        if !is_qualified(key) {
            no_key(at.entry(field, key), key, check);
        } else if !is_label_value(value) {
            let hint = "at most 63 letters, digits, `-`, `_` and `.`, a letter or digit at either end";
            check.error_hint(at.entry(field, key), format!("`{value}` is not the value of a label"), hint);
        }
    }
}

pub(super) fn no_key(origin: Origin, key: &str, check: &mut Check<'_>) {
    let hint = "63 letters, digits, `-`, `_` and `.` at most, perhaps behind a domain and `/`";
    check.error_hint(origin, format!("`{key}` is not the key of a label or an annotation"), hint);
}

/// Methods that an answer to a page may list (VA-11, GA-7).
pub(super) const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

/// Protocols that a port may have (P-1).
const PROTOCOLS: [&str; 12] = [
    "tcp",
    "udp",
    "grpc",
    "grpc-web",
    "http",
    "http_proxy",
    "http2",
    "https",
    "tls",
    "mongo",
    "redis",
    "mysql",
];

pub(super) fn is_protocol(text: &str) -> bool {
    PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(text))
}

/// Of the HTTP family (P-1).
pub(super) fn is_http(protocol: &str) -> bool {
    ["http", "http2", "grpc", "grpc-web", "http_proxy"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(protocol))
}

/// Of the TLS family (P-1).
pub(super) fn is_tls(protocol: &str) -> bool {
    ["https", "tls"].iter().any(|known| known.eq_ignore_ascii_case(protocol))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn n_1_a_part_of_a_name_may_be_long_and_a_label_may_not() {
        let long = "a".repeat(64);
        assert!(is_subdomain(&format!("{long}.b")) && !is_label(&long));
        assert!(!is_subdomain(&[long.as_str(); 4].join(".")), "259 in all");
        for bad in ["", "A", "a_b", "a..b", "-a", "a.", "a/b"] {
            assert!(!is_subdomain(bad), "{bad}");
        }
        assert!(is_qualified("a.b/C_d") && !is_qualified("A.b/c") && !is_qualified(&long));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>()) {
            let _ = (is_label(&text), is_name(&text), is_qualified(&text));
        }
    }
}
