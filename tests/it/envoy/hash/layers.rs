//! Priorities and localities in hash tables: our set of hosts against Envoy's.

use super::*;

/// A host of [`layers`]: backend, priority, locality, weight, health.
type Layered = (usize, u32, u32, u32, bool);

/// Hosts in priorities and localities: our set of hosts against Envoy's whole.
async fn layers(hosts: &[Layered], shares: &[u32], panic_threshold: u32) -> Option<Vec<usize>> {
    let executable = executable()?;
    let backends = Backends::start(hosts.len()).await;
    let mut picked = Vec::new();
    for (ours, mut theirs) in [
        (BalancePolicy::RingHash { minimum: 1_024 }, ring(Some(1_024))),
        (BalancePolicy::Maglev { size: 1_009 }, maglev(1_009)),
    ] {
        let views = hosts.iter().map(|&(_, priority, share, weight, healthy)| HostView {
            place: Some(Place { priority, share }),
            ..HostView::new(weight, healthy)
        });
        let rules = SetRules { panic_threshold, shares: shares.to_vec(), ..SetRules::default() };
        let keys: Vec<_> = hosts.iter().map(|host| Address::Socket(backends.address(host.0))).collect();
        let set = HostSet::arrange(1, views.collect(), &rules, None)
            .hashed(ours, None, |index| host_key(&keys[index]));
        theirs["common_lb_config"] = json!({ "healthy_panic_threshold": { "value": panic_threshold } });
        if !shares.is_empty() {
            theirs["common_lb_config"]["locality_weighted_lb_config"] = json!({});
        }
        let mut groups = std::collections::BTreeMap::<_, Vec<_>>::new();
        for &(backend, priority, share, weight, healthy) in hosts {
            let mut endpoint = backends.endpoint(backend, weight);
            endpoint["health_status"] = json!(if healthy { "HEALTHY" } else { "UNHEALTHY" });
            groups.entry((priority, share)).or_default().push(endpoint);
        }
        let groups: Vec<_> = groups
            .into_iter()
            .map(|((priority, share), endpoints)| {
                let mut group = json!({
                    "locality": { "region": format!("r{share}") },
                    "priority": priority,
                    "lb_endpoints": endpoints,
                });
                if let Some(weight) = shares.get(share as usize) {
                    group["load_balancing_weight"] = json!(weight);
                }
                group
            })
            .collect();
        let route = json!({ "cluster": "api", "hash_policy": by_header() });
        let clusters = json!([cluster("api", &theirs, &json!(groups))]);
        let envoy = Envoy::start(&executable, &bootstrap(&route, &clusters).to_string()).await;
        let mut envoy = Connection::to(&envoy).await;
        for key in 0..KEYS {
            let (path, headers) = user(key);
            let theirs = envoy.ask(&path, &headers).await.1;
            let hash = HashKey::new(headers["x-user"].as_bytes()).hash();
            let index = set.pick_hashed(hash, AvoidedPriorities::default(), |_| false, 0).unwrap();
            assert_eq!(hosts[index].0.to_string(), theirs, "{ours:?} {headers:?}");
            picked.push(hosts[index].0);
        }
    }
    picked.sort_unstable();
    picked.dedup();
    Some(picked)
}

#[tokio::test]
async fn lb_12_shares_of_localities_fold_into_envoys_table() {
    let whole = [(0, 0, 0, 1, true), (1, 0, 0, 3, true), (2, 0, 1, 1, true), (3, 0, 1, 1, true)];
    let Some(picked) = layers(&whole, &[80, 20], 0).await else { return };
    assert_eq!(picked, [0, 1, 2, 3]);
    // One locality without a healthy host.
    let lost = [(0, 0, 0, 1, true), (1, 0, 0, 2, true), (2, 0, 1, 1, false), (3, 0, 2, 1, true)];
    assert_eq!(layers(&lost, &[30, 50, 20], 0).await.unwrap(), [0, 1, 3]);
}

#[tokio::test]
async fn lb_13_the_hash_chooses_envoys_priority() {
    let hosts = [
        (0, 0, 0, 1, true),
        (1, 0, 0, 1, false),
        (2, 1, 0, 2, true),
        (3, 1, 0, 1, true),
        (4, 0, 0, 1, true),
        (5, 0, 0, 1, false),
    ];
    let Some(picked) = layers(&hosts, &[], 0).await else { return };
    assert_eq!(picked, [0, 2, 3, 4]);
}

#[tokio::test]
async fn lb_14_in_panic_envoys_table_is_of_all_hosts() {
    let hosts = [(0, 0, 0, 1, true), (1, 0, 0, 1, false), (2, 0, 1, 2, false), (3, 0, 1, 1, false)];
    let Some(picked) = layers(&hosts, &[], 50).await else { return };
    assert_eq!(picked, [0, 1, 2, 3]);
    assert_eq!(layers(&hosts, &[10, 90], 50).await.unwrap(), [0, 1, 2, 3]);
}
