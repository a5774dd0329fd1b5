//! Values that no resource of the kind may hold, from a file or from code.
//!
//! The decoder knows types and names; ranges and combinations are checked here, on the typed object,
//! so that what a Rust program builds is held to the same rules as what a file says. What needs a
//! compiled form to be judged (a regular expression, header operations, retry conditions) is put
//! through the very constructor that the plan uses.

mod backend_traffic_policy;
mod check;
mod connection_rules;
mod consistent_hash;
mod destination_rule;
mod gateway;
mod gateway_api;
mod gateways;
mod hosts;
mod http_action;
mod http_match;
mod kubernetes;
mod locality;
mod mesh_config;
mod names;
mod odd_rules;
mod proxy_config;
mod service_entry;
mod sidecar;
mod text;
mod traffic_policy;
mod virtual_service;
mod workload_entry;
mod workload_group;

#[cfg(test)]
mod tests;

pub use check::Check;
pub(crate) use gateway_api::rule_of_filter;
pub(crate) use proxy_config::proxy_config;

use crate::api::decode::Strictness;
use crate::api::istio::{self, PROXY_CONFIG};
use crate::api::{Metadata, Resource};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// A kind whose values are checked.
pub trait Validate {
    /// Reports what may not be.
    fn validate(&self, meta: &Metadata, check: &mut Check<'_>);

    /// Whether the rest of a document stays in force where what stands at `path` of it is refused. What is
    /// refused must then be refused wherever it is used.
    fn serves_without(&self, path: &str) -> bool {
        let _ = path;
        false
    }
}

impl<T: Validate> Resource<T> {
    /// Finds the mistakes of the resource by itself. Documents were asked already; this is for what code
    /// made.
    #[must_use]
    pub fn validate(&self) -> Diagnostics {
        self.validate_with(Strictness::Strict)
    }

    pub(crate) fn validate_with(&self, strictness: Strictness) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let mut check = Check::new(&self.source, &mut diagnostics).strictness(strictness);
        self.spec.validate(&self.meta, &mut check);
        diagnostics
    }
}

/// Most bytes of all annotations of an object.
const ANNOTATIONS: usize = 256 * 1024;

/// Name, labels and annotations (N-1, N-7).
pub(crate) fn metadata<T>(resource: &Resource<T>, group: &str, kind: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let mut check = Check::new(&resource.source, &mut diagnostics);
    let (meta, at) = (&resource.meta, &resource.meta.at);
    // Of these the name stands in the name of something else: of the others only DNS's whole length counts.
    let label = matches!((group, kind), (istio::GROUP, "Gateway") | ("", "Service" | "Namespace"));
    if label && !names::is_label(&meta.name) {
        check.error(at.field("name"), format!("`{}` is not a DNS-1123 label", meta.name));
    } else if !names::is_subdomain(&meta.name) {
        check.error(at.field("name"), format!("`{}` is not a DNS-1123 name", meta.name));
    }
    if !names::is_label(&meta.namespace) {
        check.error(at.field("namespace"), format!("`{}` is not a namespace", meta.namespace));
    }
    names::labels(at, "labels", &meta.labels, &mut check);
    let size: usize = meta.annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > ANNOTATIONS {
        check.error(at.field("annotations"), format!("hold {size} bytes: {ANNOTATIONS} at most"));
    }
    for key in meta.annotations.keys() {
        if !names::is_qualified(&key.to_ascii_lowercase()) {
            names::no_key(at.entry("annotations", key), key, &mut check);
        }
        if key.starts_with("internal.istio.io/") {
            check.error(
                at.entry("annotations", key),
                "annotations of internal.istio.io cannot be set by users",
            );
        } else if key == "istio.io/dry-run" {
            check.error(at.entry("annotations", key), "only an AuthorizationPolicy can be a dry run");
        } else if key == PROXY_CONFIG && kind != "Pod" {
            let message = "settings of a proxy are read from the annotations of its pods";
            let finding = Diagnostic::new(Code::MisplacedAnnotation, at.entry("annotations", key), message);
            check.report(finding.hint("write it under spec.template.metadata.annotations"));
        }
    }
    diagnostics
}

/// Whether a text is header names with commas in between, which Istio takes where it asks for one.
fn is_header_list(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b',' || http::HeaderName::from_bytes(&[byte]).is_ok())
}

/// A finding that a schema rule was broken.
fn schema(origin: crate::error::Origin, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::SchemaValidationError, origin, message)
}
