//! Names resolved to endpoints (SE-7), by their TTL.
//!
//! Every A and AAAA record is a member. A resolver that fails takes nothing away: the last good
//! answer stays in force and the next try comes after `dnsRefreshRate`. An answer that is empty is an
//! answer.

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use mesh_core::endpoint::{Address, Endpoint};
use mesh_core::plan::DnsTarget;
use mesh_core::rng::Rng;

use crate::clock::FastRng;
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
    let mut answers: Vec<Option<Vec<Arc<Endpoint>>>> = vec![None; targets.len()];
    loop {
        let mut wait = LONGEST;
        for (target, answer) in targets.iter().zip(&mut answers) {
            match lookup(target).await {
                Ok((endpoints, ttl)) => {
                    *answer = Some(endpoints);
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
        // Until a name has answered, what an earlier cluster knew of it stays.
        if answers.iter().any(Option::is_some) {
            let known: Vec<_> = answers.iter().flatten().flatten().cloned().collect();
            cluster.update_endpoints(&known);
        }
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
    let (addresses, ttl) = resolve(&target.name).await?;
    let mut endpoints: Vec<_> = addresses.into_iter().map(|ip| member(target, ip)).collect();
    // Name servers rotate their answers; the set is what counts.
    endpoints.sort_by(|a, b| a.address.cmp(&b.address));
    Ok((endpoints, ttl))
}

#[cfg(feature = "dns")]
async fn resolve(name: &str) -> Result<(Vec<IpAddr>, Duration), BoxError> {
    use std::sync::OnceLock;

    use hickory_resolver::TokioResolver;

    // The system's configuration, read once.
    static RESOLVER: OnceLock<TokioResolver> = OnceLock::new();
    let resolver = match RESOLVER.get() {
        Some(resolver) => resolver,
        None => {
            let resolver = TokioResolver::builder_tokio()?.build()?;
            RESOLVER.get_or_init(|| resolver)
        }
    };
    let lookup = resolver.lookup_ip(name).await?;
    let ttl = lookup.valid_until().saturating_duration_since(crate::clock::now());
    Ok((lookup.iter().collect(), ttl))
}

/// The system's resolver hides TTLs: half a minute stands for all.
#[cfg(not(feature = "dns"))]
async fn resolve(name: &str) -> Result<(Vec<IpAddr>, Duration), BoxError> {
    let addresses = tokio::net::lookup_host((name, 0)).await?;
    Ok((addresses.map(|address| address.ip()).collect(), Duration::from_secs(30)))
}

fn member(target: &DnsTarget, ip: IpAddr) -> Arc<Endpoint> {
    let address = Address::Socket((ip, target.port).into());
    Arc::new(Endpoint { address, ..target.template.clone() })
}
