//! How cost grows with the configuration: finding a route, picking an endpoint, building and swapping a plan.
//!
//! `cargo bench -p mesh-benches --bench scale`
//!
//! Every figure stands beside the one of the smallest size. Finding a host must not grow with the number of
//! hosts; finding a rule grows with the rules before it, as Istio's first-match order asks.

use std::alloc::System;
use std::fmt::Display;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use http::Request;
use mesh_benches::documents;
use mesh_benches::side_by_side::{fastest, is_measuring};
use mesh_core::api::{Documents, Strictness};
use mesh_core::balance::{BalancePolicy, Balancer, HashTable, HostSet, HostView, SetRules, Share};
use mesh_core::plan::builder::{MeshSpec, Protocol, Rule, Service};
use mesh_core::plan::{CompileOptions, Plan, compile};
use mesh_core::read::File;
use mesh_core::rng::Rng;
use mesh_core::route::{Found, RequestView};
use mesh_tower::Mesh;
use mesh_tower::clock::FastRng;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PORT: u16 = 80;

fn main() {
    let full = is_measuring();
    let most = if full { 10_000 } else { 10 };
    let hosts: Vec<_> = [1, 100, 10_000].into_iter().filter(|&count| count <= most).collect();
    table("find the route by host", "hosts", &hosts, find_host);
    table("find the last of the rules", "rules", &hosts, find_rule);
    let endpoints: &[usize] = if full { &[10, 1_000, 100_000] } else { &[10] };
    for policy in [BalancePolicy::LeastRequest, BalancePolicy::RoundRobin, BalancePolicy::Random] {
        table(&format!("pick, {policy:?}"), "endpoints", endpoints, |count| pick(policy, count, 1));
    }
    for policy in [BalancePolicy::LeastRequest, BalancePolicy::RoundRobin] {
        table(&format!("pick, {policy:?}, weights"), "endpoints", endpoints, |count| pick(policy, count, 2));
    }
    for policy in [BalancePolicy::RingHash { minimum: 1_024 }, BalancePolicy::Maglev { size: 65_537 }] {
        table(&format!("pick, {policy:?}"), "endpoints", endpoints, |count| pick_hashed(policy, count));
    }
    let services: &[usize] = if full { &[100, 1_000, 5_000] } else { &[10] };
    table("put the files of services together", "services", services, join_files);
    plans(if full { &[10, 10_000] } else { &[10] });
}

/// Prints nanoseconds of each size, and how much that is of the smallest.
fn table(title: &str, unit: &str, sizes: &[usize], mut measure: impl FnMut(usize) -> f64) {
    let mut floor = None;
    for &size in sizes {
        let nanoseconds = measure(size);
        let ratio = nanoseconds / *floor.get_or_insert(nanoseconds);
        print(format_args!("{title:<46} {size:>8} {unit:<10} {nanoseconds:>9.1} ns {ratio:>8.2}"));
    }
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn print(line: impl Display) {
    println!("{line}");
}

fn compiled(documents: &Documents) -> Plan {
    let compiled = compile(documents, &CompileOptions::default(), None);
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.diagnostics);
    compiled.plan
}

/// Files of 50 services as they are put together after a change.
fn join_files(count: usize) -> f64 {
    let files: Vec<File> = documents::files(&documents::absent(count))
        .enumerate()
        .map(|(place, text)| File::read(&format!("{place:03}.yaml"), &text, Strictness::Strict))
        .collect();
    assert_eq!(Documents::of_files(&files).0.virtual_services.len(), count);
    fastest(|| {
        black_box(Documents::of_files(black_box(&files)));
    })
}

/// `count` services, a rule with a subset and a timeout for each.
fn services(count: usize) -> Documents {
    let spec = (0..count).fold(MeshSpec::new(), |spec, number| {
        let name = format!("service-{number}");
        let service =
            Service::new(&name).port(PORT, Protocol::Http).endpoint(endpoint(number), [("version", "v1")]);
        let rule = Rule::to(&name).prefix("/").weighted("v1", 100).timeout(Duration::from_secs(2));
        spec.service(service).rule(rule)
    });
    spec.build().expect("a sound mesh")
}

fn endpoint(number: usize) -> SocketAddr {
    let number = u32::try_from(number).expect("not that many");
    (Ipv4Addr::from(0x7f00_0001 + number), 9_080).into()
}

fn find(plan: &Plan, request: &Request<()>) -> f64 {
    let table = &plan.outbound[&PORT];
    assert!(matches!(table.find(&RequestView::of(request)), Found::Route(..)));
    fastest(|| {
        black_box(table.find(&RequestView::of(black_box(request))));
    })
}

fn find_host(count: usize) -> f64 {
    let host = format!("http://service-{}.default.svc.cluster.local/reviews/7", count - 1);
    find(&compiled(&services(count)), &Request::get(host).body(()).expect("a sound request"))
}

fn find_rule(count: usize) -> f64 {
    let service = Service::new("many").port(PORT, Protocol::Http).endpoint(endpoint(1), [("version", "v1")]);
    let spec = (0..count).fold(MeshSpec::new().service(service), |spec, number| {
        spec.rule(Rule::to("many").prefix(format!("/part-{number:05}/")).weighted("v1", 100))
    });
    let plan = compiled(&spec.build().expect("a sound mesh"));
    let last = format!("http://many/part-{:05}/x", count - 1);
    find(&plan, &Request::get(last).body(()).expect("a sound request"))
}

/// Every `step`th host weighs double, so that 1 means equal weights.
fn hosts(count: usize, step: usize) -> Vec<HostView> {
    (0..count).map(|host| HostView::new(if step > 1 && host % step == 0 { 2 } else { 1 }, true)).collect()
}

fn pick(policy: BalancePolicy, count: usize, step: usize) -> f64 {
    let set = HostSet::arrange(1, hosts(count, step), &SetRules::default(), None);
    let mut rng = FastRng::seeded(7);
    let mut balancer = Balancer::new(policy, &mut rng);
    fastest(|| {
        black_box(balancer.pick(&set, &mut rng, |host| (host % 3) as u64));
    })
}

fn pick_hashed(policy: BalancePolicy, count: usize) -> f64 {
    let names: Vec<String> = (0..count).map(|number| endpoint(number).to_string()).collect();
    let part = 1.0 / count as f64;
    let share = |(name, index): (&String, u32)| Share { index, key: name.clone().into(), part };
    let shares: Vec<Share<'_>> = names.iter().zip(0..).map(share).collect();
    let table = HashTable::build(policy, &shares).expect("a policy of hashes");
    let mut rng = FastRng::seeded(7);
    fastest(|| {
        black_box(table.pick(rng.next_u64(), 0));
    })
}

/// The cost of a plan of many services: to build it, to keep it, and to put it in force again with one changed
/// service.
fn plans(sizes: &[usize]) {
    for &size in sizes {
        let documents = services(size);
        let region = Region::new(ALLOCATOR);
        let start = Instant::now();
        let plan = compiled(&documents);
        let compiling = start.elapsed();
        let change = region.change();
        let kept = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
        drop(plan);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let swapping = runtime.block_on(async {
            let mesh = Mesh::from_documents(documents.clone()).start().await.expect("a sound mesh");
            let changed = {
                let mut changed = documents.clone();
                changed.virtual_services.pop();
                changed
            };
            let start = Instant::now();
            assert!(mesh.apply(changed), "a sound mesh");
            start.elapsed()
        });
        let per_service = kept / size;
        print(format_args!(
            "{:<46} {size:>8} services   {:>9.1} ms compile, {:>9.1} ms compile and swap, {per_service} bytes kept of each",
            "plan",
            compiling.as_secs_f64() * 1e3,
            swapping.as_secs_f64() * 1e3,
        ));
    }
}
