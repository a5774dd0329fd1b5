//! What is shut because a document is refused that never was good (Y-12).
//!
//! Left out, such a document would let through what it forbids: calls to a wider route, in plaintext, to hosts
//! that a Sidecar hides. So its hosts answer 503 and name it, until it is mended. On a reload its last good
//! version stands in the place of it, and where there is none, what worked without it goes on.

use std::sync::Arc;

use crate::api::istio::{ClientTlsMode, DestinationRule, Subset, TrafficPolicy};
use crate::api::{Documents, Resource, Source};
use crate::error::Origin;
use crate::nearest::is_slip;
use crate::route::{Action, Matcher, Route};

/// The documents that are refused.
pub(crate) fn refused<T>(documents: &Documents, list: fn(&Documents) -> &Vec<Resource<T>>) -> &[Resource<T>] {
    documents.refused.as_deref().map(list).map(Vec::as_slice).unwrap_or_default()
}

/// A route that answers for a refused document.
pub(crate) fn route(document: &Arc<str>, origin: Origin) -> Arc<Route> {
    let action = Action::Refused(Arc::clone(document));
    Arc::new(Route { origin, ..Route::new("refused".into(), Matcher::any(), action) })
}

/// Whether a refused rule may have said that calls are encrypted: by what could be read of it, or where it
/// could not be.
pub(crate) fn protects(rule: &Resource<DestinationRule>) -> bool {
    let own = rule.spec.traffic_policy.as_deref();
    // Where its mode, or anything else of it, could not be read, that is among what is refused.
    any_encrypts(own, &rule.spec.subsets) || rule.source.refused.iter().any(|path| may_hide_tls(path))
}

/// Whether a rule's own policy, or that of a subset, says that calls are encrypted.
pub(crate) fn any_encrypts<'p>(
    own: Option<&'p TrafficPolicy>,
    subsets: impl IntoIterator<Item = &'p Subset>,
) -> bool {
    let of_subsets = subsets.into_iter().filter_map(|subset| subset.traffic_policy.as_deref());
    own.into_iter().chain(of_subsets).any(encrypts)
}

/// Whether a policy says that calls are encrypted, to one port at least.
fn encrypts(policy: &TrafficPolicy) -> bool {
    let ports = policy.port_level_settings.iter().map(|port| &port.tls);
    let mut all = std::iter::once(&policy.tls).chain(ports);
    all.any(|tls| tls.as_ref().is_some_and(|tls| tls.mode != ClientTlsMode::Disable))
}

/// Whether what stands at this path of a DestinationRule is TLS, was meant to be, or has a place for it.
fn may_hide_tls(path: &str) -> bool {
    let without_index = |part: &str| part.split('[').next().unwrap_or_default().to_owned();
    let parts: Vec<String> = path.split('.').map(without_index).collect();
    let holds = ["", "spec", "trafficPolicy", "portLevelSettings", "subsets"];
    parts.iter().any(|part| is_slip(part, "tls")) || parts.last().is_some_and(|last| holds.contains(&&**last))
}

/// Of the rules of a refused document, each with its path: whether what it matches could be read. `None` if it
/// is unknown which rules there are. `list` is where they stand (`spec.http`), `field` what their conditions are in.
pub(crate) fn readable(source: &Source, list: &str, field: &str, rules: &[Arc<str>]) -> Option<Vec<bool>> {
    let is_list = |path: &str| {
        path.is_empty()
            || path == list
            || list.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
            // An item that is no rule at all is not among them.
            || path.strip_prefix(list).is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']'))
    };
    if rules.is_empty() || source.refused.iter().any(|path| !rules.contains(path) && is_list(path)) {
        return None;
    }
    let hides = |rule: &str, path: &str| {
        let inside = path.strip_prefix(rule).and_then(|rest| rest.strip_prefix('.'));
        let name = inside.and_then(|inside| inside.split(['.', '[']).next());
        name.is_some_and(|name| is_slip(name, field))
    };
    Some(rules.iter().map(|rule| !source.refused.iter().any(|path| hides(rule, path))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y_12_tls_may_stand_where_nothing_could_be_read() {
        for path in [
            "",
            "spec",
            "spec.trafficPolicy",
            "spec.trafficPolicy.tls.mode",
            "spec.trafficPolicy.tsl",
            "spec.trafficPolicy.portLevelSettings[0]",
            "spec.trafficPolicy.portLevelSettings[0].tls",
            "spec.subsets[1]",
            "spec.subsets[1].trafficPolicy",
        ] {
            assert!(may_hide_tls(path), "{path}");
        }
        for path in
            ["kind", "metadata.name", "spec.host", "spec.nope", "spec.trafficPolicy.loadBalancer.simple"]
        {
            assert!(!may_hide_tls(path), "{path}");
        }
    }
}
