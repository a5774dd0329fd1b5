//! Settings of a proxy (MC-3).

use http::HeaderValue;

use super::{Check, Validate};
use crate::api::istio::{ProxyConfig, WorkloadProxyConfig};
use crate::api::{At, Metadata};
use crate::diagnostic::{Code, Diagnostic, Level};
use crate::text_map::TextMap;

/// Entries of `proxyMetadata` that are heeded, and values of others that say what is so anyway.
const METADATA: [(&str, &[&str]); 3] = [
    ("ISTIO_META_HTTP10", &["", "0", "1"]),
    // OP-4: a draining proxy ends when nothing is open any more.
    ("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", &["true", "1"]),
    ("ISTIO_META_DNS_CAPTURE", &["", "false", "0"]),
];

impl Validate for WorkloadProxyConfig {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        if let Some(selector) = &self.selector {
            check.selector(&selector.at, "matchLabels", selector.match_labels.iter());
        }
        check.not_negative(&self.at, "concurrency", self.concurrency.unwrap_or(0));
        metadata(&self.at, "environmentVariables", &self.environment_variables, check);
    }
}

/// The form that the mesh config and the annotation have.
pub(crate) fn proxy_config(proxy: &ProxyConfig, check: &mut Check<'_>) {
    check.duration_or_zero(&proxy.at, "drainDuration", proxy.drain_duration);
    check.duration_or_zero(&proxy.at, "terminationDrainDuration", proxy.termination_drain_duration);
    check.not_negative(&proxy.at, "concurrency", proxy.concurrency.unwrap_or(0));
    for (field, port) in [("proxyAdminPort", proxy.proxy_admin_port), ("statusPort", proxy.status_port)] {
        if let Some(port) = port.filter(|port| !(0..=65_535).contains(port)) {
            check.error(proxy.at.field(field), format!("a port is a number from 0 to 65535, not {port}"));
        }
    }
    metadata(&proxy.at, "proxyMetadata", &proxy.proxy_metadata, check);
    if let Some(server) = proxy.proxy_headers.as_ref().and_then(|headers| headers.server.as_ref())
        && HeaderValue::from_str(&server.value).is_err()
    {
        check.error(server.at.field("value"), format!("{:?} is no header value", server.value));
    }
}

/// Reports entries that change nothing.
fn metadata(at: &At, field: &str, written: &TextMap<String>, check: &mut Check<'_>) {
    for (key, value) in written {
        let known = METADATA.iter().find(|(known, _)| known == key);
        if known.is_none_or(|(_, values)| !values.contains(&value.as_str())) {
            let message = format!("`{key}: {value}` has no effect");
            let finding = Diagnostic::new(Code::NotImplemented, at.entry(field, key), message);
            let hint = "heeded: `ISTIO_META_HTTP10: \"1\"`";
            check.report(finding.level(Level::Info).hint(hint));
        }
    }
}
