//! Policies of a destination from their written blocks (CB, OD, LB, TL): defaults are applied here and nowhere else.

use super::destination_rules::Blocks;
use super::keys;
use crate::analysis::blocks::{self as written, kept};
use crate::api::istio::{ClientTlsMode, SimpleLb};
use crate::balance::{BalancePolicy, WarmUp};
use crate::circuit::CircuitPolicy;
use crate::diagnostic::Diagnostic;
use crate::error::Origin;
use crate::outlier::OutlierPolicy;
use crate::plan::ClientTls;
use crate::plan::compile::inputs::settings::Mesh;

/// Limits and timeouts, with what the mesh config says of them (CB-1 to CB-3, CB-8). What is refused is in `findings`.
pub(crate) fn circuit(
    blocks: &Blocks<'_>,
    mesh: &Mesh<'_>,
    origin: &Origin,
    findings: &mut Vec<Diagnostic>,
) -> CircuitPolicy {
    let mut policy = CircuitPolicy { origin: origin.clone(), ..CircuitPolicy::default() };
    policy.connect_timeout = mesh.connect_timeout.unwrap_or(policy.connect_timeout);
    policy.tcp_keepalive = mesh.tcp_keepalive.map(written::keepalive);
    policy.h2_upgrade = mesh.h2_upgrade;
    policy.max_fields = mesh.settings.max_fields;
    if let Some(pool) = blocks.pool {
        match written::pool(pool, policy.clone()) {
            Ok(made) => policy = made,
            Err(refused) => findings.extend(refused),
        }
    }
    if let Some(budget) = blocks.budget {
        policy.retry_budget = kept(written::budget(budget), findings);
    }
    policy
}

/// Outlier detection, if it is written. What is refused is in `findings`.
pub(crate) fn outlier(blocks: &Blocks<'_>, findings: &mut Vec<Diagnostic>) -> Option<OutlierPolicy> {
    kept(written::outlier(blocks.outlier?), findings)
}

/// How an endpoint is picked (LB-1).
pub(crate) fn balance(blocks: &Blocks<'_>) -> BalancePolicy {
    if let Some(hash) = blocks.balancer.and_then(|balancer| balancer.consistent_hash.as_ref()) {
        return keys::algorithm(hash);
    }
    match blocks.balancer.and_then(|balancer| balancer.simple) {
        None | Some(SimpleLb::Unspecified | SimpleLb::LeastConn | SimpleLb::LeastRequest) => {
            BalancePolicy::LeastRequest
        }
        Some(SimpleLb::RoundRobin) => BalancePolicy::RoundRobin,
        Some(SimpleLb::Random) => BalancePolicy::Random,
        Some(SimpleLb::Passthrough) => BalancePolicy::Passthrough,
    }
}

/// How new endpoints get their share: only policies that go by weight can say (LB-15).
/// What is refused is in `findings`.
pub(crate) fn warm_up(
    blocks: &Blocks<'_>,
    balance: BalancePolicy,
    findings: &mut Vec<Diagnostic>,
) -> Option<WarmUp> {
    if !matches!(balance, BalancePolicy::LeastRequest | BalancePolicy::RoundRobin) {
        return None;
    }
    let balancer = blocks.balancer?;
    let Some(warm_up) = &balancer.warmup else {
        return Some(WarmUp::new(balancer.warmup_duration_secs?));
    };
    kept(written::warm_up(warm_up), findings)
}

/// TLS to the endpoints (TL-1, TL-3); `service` are the names that a ServiceEntry expects (SE-9).
pub(crate) fn tls(blocks: &Blocks<'_>, service: &[String]) -> Option<ClientTls> {
    let written = blocks.tls?;
    match written.mode {
        ClientTlsMode::Disable => None,
        ClientTlsMode::Simple | ClientTlsMode::Mutual | ClientTlsMode::IstioMutual => {
            let names = &written.subject_alt_names;
            Some(ClientTls {
                sni: (!written.sni.is_empty()).then(|| written.sni.as_str().into()),
                subject_alt_names: if names.is_empty() { service.to_vec() } else { names.clone() },
                ca_certificates: (!written.ca_certificates.is_empty())
                    .then(|| written.ca_certificates.clone()),
                insecure_skip_verify: written.insecure_skip_verify.unwrap_or_default(),
            })
        }
    }
}
