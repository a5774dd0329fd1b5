//! HTTP routing at a gateway: hosts, matches, rewrites, redirects, direct answers, faults, CORS, header
//! operations, several `VirtualService`s on one host.

use super::compare;
use super::kept::{self, Kept};
use super::play::Role;

const GATEWAY: Role = Role {
    gateway: true,
    namespace: "default",
    service_account: "default",
    labels: &[("istio", "ingressgateway")],
    endpoints: &["one-v1", "one-v2", "two-v1", "two-v2", "solo"],
    only: &[],
};

const KEPT: &[Kept] = &[kept::SLASH, kept::EXPLICIT_PORT, kept::ONE_PORT];

#[test]
fn what_istio_does_at_a_gateway() {
    compare::file("gateway.jsonl", &GATEWAY, KEPT).assert("gateway.jsonl", 3500, KEPT);
}
