//! A sidecar's outbound side: `exportTo`, Sidecar scopes, and which VirtualService and DestinationRule hold.

use super::compare;
use super::kept::{self, Kept};
use super::play::Role;

const CLIENT: Role = Role {
    gateway: false,
    namespace: "client",
    service_account: "web",
    labels: &[("app", "web"), ("version", "v9")],
    endpoints: &["a.one.test", "b.one.test", "c.two.test", "d.client.test", "shared.test"],
    only: &["host", "x-rule"],
};

const KEPT: &[Kept] = &[kept::OPEN_LISTENER];

#[test]
fn what_istio_does_at_a_sidecar() {
    compare::file("sidecar.jsonl", &CLIENT, KEPT).assert("sidecar.jsonl", 2400, KEPT);
}
