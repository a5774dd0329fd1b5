//! `WorkloadEntry`, by itself, in a ServiceEntry and as the template of a group (SE-8, HC-3).

use super::{Check, Validate, text};
use crate::api::Metadata;
use crate::api::istio::WorkloadEntry;

impl Validate for WorkloadEntry {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        sizes(self, check);
        if self.address.is_empty() {
            if self.network.is_empty() {
                check.error(self.at.origin(), "`address` is needed, or `network`");
            }
        } else if !is_socket(self) && !text::is_ip(&self.address) && !text::is_name(&self.address) {
            neither(self, check);
        }
        check.labels(&self.at, "labels", &self.labels);
    }
}

/// Whether the address is the path of a unix socket.
pub(super) fn is_socket(entry: &WorkloadEntry) -> bool {
    entry.address.starts_with("unix://")
}

pub(super) fn neither(entry: &WorkloadEntry, check: &mut Check<'_>) {
    let message = format!("`{}` is neither a DNS name nor an IP address", entry.address);
    check.error(entry.at.field("address"), message);
}

/// The rules of every entry, in every kind and for every use.
pub(super) fn sizes(entry: &WorkloadEntry, check: &mut Check<'_>) {
    let at = &entry.at;
    for (field, text, most) in [
        ("address", &entry.address, 256),
        ("network", &entry.network, 2_048),
        ("locality", &entry.locality, 2_048),
        ("serviceAccount", &entry.service_account, 253),
    ] {
        check.length(at.field(field), text, most);
    }
    check.count(at, "labels", entry.labels.len(), 256);
    check.count(at, "ports", entry.ports.len(), 128);
    for (name, number) in &entry.ports {
        // One character less than elsewhere.
        if name.len() > 62 || !text::is_label(name) {
            let hint = "at most 62 letters, digits and inner hyphens";
            check.error_hint(at.entry("ports", name), format!("`{name}` is not the name of a port"), hint);
        } else if !(1..=65_535).contains(number) {
            check.error(at.entry("ports", name), format!("a port is a number from 1 to 65535, not {number}"));
        }
    }
    if is_socket(entry) {
        unix_path(at.field("address"), &entry.address, check);
        if at.is_written("ports") || !entry.ports.is_empty() {
            check.error(at.field("ports"), "a unix endpoint has no ports");
        }
    }
}

/// The path behind `unix://`: an absolute one to a file, or the name of an abstract socket.
pub(super) fn unix_path(origin: crate::error::Origin, address: &str, check: &mut Check<'_>) {
    let path = address.strip_prefix("unix://").unwrap_or(address);
    if !path.starts_with(['/', '@']) || address.ends_with('/') {
        let hint = "unix:///run/app.sock, or unix://@name";
        check.error_hint(origin, "a unix address is `unix://` and the absolute path of a file", hint);
    }
}
