//! The gateways that a VirtualService, or a match of one, is bound to (H-5).

use super::{Check, text};
use crate::api::At;

/// H-5: `name`, `namespace/name` or `mesh`.
///
/// Istio looks at no entry behind the first without a namespace: such a one is a reference like any other,
/// which leads nowhere.
pub(super) fn gateways(at: &At, gateways: &[String], check: &mut Check<'_>) {
    for (index, gateway) in gateways.iter().enumerate() {
        let (legal, last) = match gateway.split_once('/') {
            Some((namespace, name)) => (text::is_label(namespace) && text::is_label(name), false),
            None => (text::is_name(gateway), true),
        };
        if !legal {
            let hint = "write `name`, `namespace/name` or `mesh`";
            check.error_hint(at.item("gateways", index), format!("`{gateway}` is not a gateway"), hint);
        }
        if last {
            return;
        }
    }
}
