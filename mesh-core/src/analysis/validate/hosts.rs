//! Hosts as Istio takes them (H-2), and what is probably wrong with one that is none.

use super::{Check, text};
use crate::error::Origin;

/// A host: name or wildcard.
pub(super) fn host(check: &mut Check<'_>, origin: Origin, host: &str) {
    if host.is_empty() {
        check.error(origin, "a host is needed");
    } else if !text::is_wildcard_name(host) {
        let hint = if host.contains("://") {
            "write the name alone, without scheme"
        } else if text::is_ip(host) {
            "an address is no name; a ServiceEntry gives it one"
        } else if host.contains(':') {
            "write the name alone; a port has a field of its own"
        } else if host.contains('*') {
            "a wildcard stands at the beginning: `*.example.com`"
        } else if host.contains('_') {
            "a host has no underscores"
        } else {
            "a host is made of letters, digits, hyphens and dots"
        };
        check.error_hint(origin, format!("`{host}` is not a host"), hint);
    }
}
