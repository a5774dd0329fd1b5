//! Names resolved to endpoints (SE-7), by their TTL.
//!
//! Every A and AAAA record is a member. A resolver that fails takes nothing away: the last good
//! answer stays in force and the next try comes after `dnsRefreshRate`. An answer that is empty is an
//! answer.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use mesh_core::endpoint::{Address, Endpoint};
use mesh_core::plan::DnsTarget;
use mesh_core::rng::Rng;

use crate::clock::{FastRng, now};
use crate::cluster::Cluster;
use crate::error::BoxError;

/// However short a TTL is, a name is not asked for more often.
const SHORTEST: Duration = Duration::from_secs(1);

/// However long it is, it is asked for at least this often.
const LONGEST: Duration = Duration::from_secs(300);

/// Keeps the cluster's endpoints what the names resolve to, until the cluster is gone.
pub(crate) fn follow(cluster: &Arc<Cluster>, targets: Vec<DnsTarget>, after_failure: Duration) {
    let owner = Arc::downgrade(cluster);
    tokio::spawn(resolve_on(owner, targets, after_failure));
}

async fn resolve_on(owner: Weak<Cluster>, targets: Vec<DnsTarget>, after_failure: Duration) {
    let mut rng = FastRng::new();
    let mut answers: Vec<Vec<Arc<Endpoint>>> = vec![Vec::new(); targets.len()];
    loop {
        let mut wait = LONGEST;
        for (target, answer) in targets.iter().zip(&mut answers) {
            match lookup(target).await {
                Ok((endpoints, ttl)) => {
                    *answer = endpoints;
                    wait = wait.min(ttl);
                }
                Err(error) => {
                    metrics::counter!("mesh_dns_failures_total", "name" => target.name.to_string())
                        .increment(1);
                    tracing::warn!(name = %target.name, %error, "a name does not resolve; its last good addresses stay in use");
                    wait = wait.min(after_failure);
                }
            }
        }
        let Some(cluster) = owner.upgrade() else { return };
        cluster.update_endpoints(&answers.concat());
        drop(cluster);
        // Up to a tenth early, so that many clients of one name do not ask in step.
        let wait = wait.clamp(SHORTEST, LONGEST);
        tokio::time::sleep(wait.mul_f64(1.0 - rng.unit() / 10.0)).await;
        if owner.strong_count() == 0 {
            return;
        }
    }
}

async fn lookup(target: &DnsTarget) -> Result<(Vec<Arc<Endpoint>>, Duration), BoxError> {
    if let Ok(ip) = target.name.parse() {
        return Ok((vec![member(target, ip)], LONGEST));
    }
    let lookup = resolver()?.lookup_ip(&*target.name).await?;
    let ttl = lookup.valid_until().saturating_duration_since(now());
    let mut endpoints: Vec<_> = lookup.iter().map(|ip| member(target, ip)).collect();
    // Name servers rotate their answers; the set is what counts.
    endpoints.sort_by(|a, b| a.address.cmp(&b.address));
    Ok((endpoints, ttl))
}

fn member(target: &DnsTarget, ip: std::net::IpAddr) -> Arc<Endpoint> {
    let address = Address::Socket((ip, target.port).into());
    Arc::new(Endpoint { address, ..target.template.clone() })
}

/// The system's resolver, read once: it caches nothing that outlives a TTL.
fn resolver() -> Result<&'static TokioResolver, BoxError> {
    static RESOLVER: OnceLock<TokioResolver> = OnceLock::new();
    if let Some(resolver) = RESOLVER.get() {
        return Ok(resolver);
    }
    let resolver = TokioResolver::builder_tokio()?.build()?;
    Ok(RESOLVER.get_or_init(|| resolver))
}
