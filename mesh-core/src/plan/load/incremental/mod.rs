//! A load that takes over what stayed gives what a load of everything would: over random edits.
//!
//! Both begin from the same last good configuration. `MESH_EDITS` says how many worlds are edited.

mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use self::world::World;
use super::{Loaded, load};
use crate::api::Documents;
use crate::diagnostic::{Code, Diagnostics};
use crate::plan::compile::Memo;
use crate::plan::{CompileOptions, Plan, WorkloadSource};

/// Edits of each world.
const EDITS: usize = 24;

/// All that a plan says, whatever it shares with others.
fn rendered(plan: &Plan) -> String {
    let mut text = String::new();
    let ids: BTreeMap<_, _> = plan.cluster_ids.iter().map(|(name, id)| (name.to_string(), *id)).collect();
    let listeners: BTreeMap<_, _> =
        plan.listener_ids.iter().map(|(name, place)| (name.to_string(), *place)).collect();
    let known = Plan { cluster_ids: Default::default(), listener_ids: Default::default(), ..plan.clone() };
    write!(text, "{known:#?}\n{ids:#?}\n{listeners:#?}").expect("text grows without end");
    text
}

/// The first lines that differ.
fn difference(one: &str, other: &str) -> String {
    let same = one.lines().zip(other.lines()).take_while(|(one, other)| one == other).count();
    let part =
        |text: &str| text.lines().skip(same.saturating_sub(12)).take(24).collect::<Vec<_>>().join("\n");
    format!("line {same}\n== taken over\n{}\n== all anew\n{}", part(one), part(other))
}

/// The same configuration, of which nothing can be taken over.
fn without_memo(last: &Loaded) -> Loaded {
    Loaded { memo: Arc::new(Memo::default()), ..last.clone() }
}

/// Edits a world, and returns how many of its loads took something over.
fn edit(seed: u64, options: &CompileOptions) -> usize {
    let mut world = World::new(seed);
    let mut last: Option<Loaded> = None;
    let mut taken_over = 0;
    for step in 0..EDITS {
        let (documents, findings) = world.documents();
        let anew = last.as_ref().map(without_memo);
        let whole = load(documents.clone(), findings.clone(), options, anew.as_ref());
        let part = load(documents, findings, options, last.as_ref());
        let place = || format!("seed {seed}, edit {step}, gateway {}: {}", options.gateway, world.edited());
        match (part, whole) {
            (Ok(part), Ok(whole)) => {
                let (one, other) =
                    (part.diagnostics.to_json().to_string(), whole.diagnostics.to_json().to_string());
                assert_eq!(one, other, "{}", place());
                assert_eq!(part.diagnostics, whole.diagnostics, "{}", place());
                assert_eq!(part.stale_hosts, whole.stale_hosts, "{}", place());
                assert_eq!(part.stale_resources, whole.stale_resources, "{}", place());
                let (one, other) = (rendered(&part.plan), rendered(&whole.plan));
                assert!(one == other, "{}: {}", place(), difference(&one, &other));
                if let Some(last) = &last {
                    let before = last.plan.clusters.iter().map(|node| Arc::as_ptr(&node.policy));
                    let before: Vec<_> = before.collect();
                    let kept =
                        part.plan.clusters.iter().any(|node| before.contains(&Arc::as_ptr(&node.policy)));
                    taken_over += usize::from(kept);
                }
                last = Some(part);
            }
            (Err(part), Err(whole)) => assert_eq!(part, whole, "{}", place()),
            (part, whole) => panic!("{}: {} and {}", place(), part.is_ok(), whole.is_ok()),
        }
        world.edit();
    }
    taken_over
}

#[test]
fn an_incremental_load_equals_a_full_one() {
    let worlds = std::env::var("MESH_EDITS").ok().and_then(|count| count.parse().ok()).unwrap_or(60);
    let mut taken_over = 0;
    for seed in 0..worlds {
        for gateway in [false, true] {
            let workload = WorkloadSource::Named("a/Deployment/web".into());
            let options = CompileOptions { workload, gateway, ..CompileOptions::default() };
            taken_over += edit(seed, &options);
        }
    }
    let loads = usize::try_from(worlds).expect("few worlds") * 2 * EDITS;
    assert!(taken_over * 3 > loads, "only {taken_over} of {loads} loads took anything over");
}

/// Only the first few unknown names are compared with the known ones: who came too late gets a hint once there is room.
#[test]
fn a_hint_that_others_used_up_is_given_when_they_are_mended() {
    let service = |namespace: &str, rest: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: {namespace}}}\n\
             spec: {{hosts: [{namespace}.test], {rest}}}\n---\n"
        )
    };
    let late = service("late", "gateways: [publik], http: [{redirect: {uri: /}}]")
        + "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: late}\n\
           spec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n";
    let unknown = |number| service(&format!("n{number}"), "http: [{route: [{destination: {host: gone}}]}]");
    let parse = |text: &str| Documents::parse([("mesh.yaml", text)]).0;
    let (late, others) = (parse(&late), parse(&(0..16).map(unknown).collect::<String>()));
    let load = |others: &Documents, last: Option<&Loaded>| {
        let mut documents = late.clone();
        documents.add(others);
        documents.sort();
        load(documents, Diagnostics::new(), &CompileOptions::default(), last).expect("nothing forbids it")
    };
    let hint = |loaded: &Loaded| {
        let of = |one: &&crate::diagnostic::Diagnostic| {
            one.code == Code::ReferencedResourceNotFound && one.origin.resource.contains("late/v")
        };
        loaded.diagnostics.iter().find(of).and_then(|one| one.hint.clone()).expect("it has a hint")
    };
    let first = load(&others, None);
    assert!(!hint(&first).contains("did you mean"), "the others asked first");
    let second = load(&Documents::default(), Some(&first));
    assert_eq!(hint(&second), "did you mean public?");
}
