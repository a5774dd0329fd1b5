//! Random scopes of the workload.

use crate::parity::draw::Draw;

/// A Sidecar, now and then; the destinations of all rules stay visible.
pub(in crate::parity) fn sidecar(draw: &mut Draw) -> String {
    if !draw.percent(30) {
        return String::new();
    }
    let hosts = draw.one(&["'*/*'", "'./*'", "default/*"]);
    let policy = draw.one(&["", "  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n"]);
    let selector = draw.one(&["", "  workloadSelector: {labels: {app: web}}\n"]);
    format!(
        "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: web, namespace: default}}
spec:
{selector}{policy}  egress: [{{hosts: [{hosts}]}}]
---
"
    )
}
