//! What a Sidecar lets its workload see (SC-1 to SC-3).

use super::labels::has_labels;
use super::names;
use crate::api::istio::Sidecar;
use crate::api::{Documents, Resource};
use crate::identity::Workload;

/// Hosts that are seen; everything by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct EgressScope {
    /// `None` is everything.
    include: Option<Vec<(String, String)>>,
    exclude: Vec<(String, String)>,
}

impl EgressScope {
    /// From `namespace/name` entries of a Sidecar of `own` namespace.
    pub(crate) fn of<'a>(hosts: impl IntoIterator<Item = &'a String>, own: &str) -> Self {
        let (mut include, mut exclude) = (Vec::new(), Vec::new());
        for entry in hosts {
            let Some((namespace, host)) = entry.split_once('/') else { continue };
            let full = |namespace: &str| {
                let namespace = if namespace == "." { own } else { namespace };
                (namespace.to_owned(), host.to_ascii_lowercase())
            };
            match namespace.strip_prefix('~') {
                None => include.push(full(namespace)),
                // `~/*` imports nothing: nothing is included.
                Some("") => {}
                Some(namespace) => exclude.push(full(namespace)),
            }
        }
        Self { include: Some(include), exclude }
    }

    /// Whether a host of this namespace is seen.
    pub(crate) fn admits(&self, namespace: &str, host: &str) -> bool {
        let fits = |(wanted, pattern): &(String, String)| {
            (wanted == "*" || wanted == namespace) && names::is_within(host, pattern)
        };
        self.include.as_ref().is_none_or(|include| include.iter().any(fits)) && !self.exclude.iter().any(fits)
    }

    /// Whether the rules of this namespace for `host` are seen: an imported host and theirs hold each other,
    /// in either direction.
    pub(crate) fn touches(&self, namespace: &str, host: &str) -> bool {
        let of = |(wanted, _): &&(String, String)| wanted == "*" || wanted == namespace;
        let touches = |(_, pattern): &(String, String)| names::narrower(host, pattern).is_some();
        let holds = |(_, pattern): &(String, String)| names::is_within(host, pattern);
        self.include.as_ref().is_none_or(|include| include.iter().filter(of).any(touches))
            && !self.exclude.iter().filter(of).any(holds)
    }
}

/// The Sidecar of a workload (SC-1).
pub(crate) fn sidecar<'a>(
    documents: &'a Documents,
    workload: &Workload,
    root: &str,
) -> Option<&'a Resource<Sidecar>> {
    let refused = documents.refused.as_ref().map(|refused| refused.sidecars.as_slice()).unwrap_or_default();
    let of = |namespace: &str, selected: bool| {
        documents.sidecars.iter().chain(refused).find(|sidecar| {
            let selector = sidecar.spec.workload_selector.as_ref().map(|selector| &selector.labels);
            sidecar.meta.namespace == namespace
                && match selector.filter(|labels| !labels.is_empty()) {
                    // Whom it selects cannot be read: it may be us.
                    None if sidecar.source.refuses("spec.workloadSelector") => true,
                    Some(labels) => selected && has_labels(&workload.labels, labels),
                    None => !selected,
                }
        })
    };
    of(&workload.namespace, true).or_else(|| of(&workload.namespace, false)).or_else(|| of(root, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sc_2_a_host_is_seen_if_included_and_not_excluded() {
        let scope = |hosts: &[&str]| {
            let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
            EgressScope::of(&hosts, "shop")
        };
        let own = scope(&["./*"]);
        assert!(own.admits("shop", "cart.shop.svc.cluster.local"));
        assert!(!own.admits("other", "cart.other.svc.cluster.local"));
        let some = scope(&["*/*.example.com", "~other/*"]);
        assert!(some.admits("shop", "api.example.com"));
        assert!(!some.admits("other", "api.example.com"));
        assert!(!scope(&["~/*"]).admits("shop", "cart"));
        let wide = scope(&["*/shared.test", "shop/*.one.test"]);
        assert!(wide.touches("other", "*.test") && !wide.admits("other", "*.test"));
        assert!(wide.touches("shop", "*.test") && wide.touches("shop", "a.one.test"));
        assert!(!wide.touches("other", "*.two.test") && !wide.touches("other", "a.one.test"));
        assert!(!scope(&["*/shared.test", "~*/*.test"]).touches("other", "*.test"));
        assert!(EgressScope::default().admits("any", "host"));
    }
}
