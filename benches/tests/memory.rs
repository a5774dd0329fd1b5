//! What a service of the configuration bench costs in memory: its documents, its part of the plan, its running state.
//!
//! Bytes are counted as they are asked for, so the figures are the same on every machine. They are those of one more
//! service among many; what a mesh costs without any is left out.

use std::alloc::System;

use mesh_benches::documents::{self, PER_FILE};
use mesh_core::api::Documents;
use mesh_core::plan::{CompileOptions, load};
use mesh_tower::Mesh;
use metrics_exporter_prometheus::PrometheusBuilder;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes of each part, without the parts before it.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// What was read; the text is a part of it.
    documents: usize,
    plan: usize,
    /// Clusters and endpoints, with two workers, metrics and no call yet.
    running: usize,
}

/// Most bytes of a service whose text has 1.5 kB: three clusters and four hosts. A little above what is measured; one
/// that saves memory lowers it.
const MOST: Memory = Memory { documents: 9_900, plan: 9_900, running: 5_500 };

#[test]
fn memory_of_a_service_is_bounded_by_what_it_says() {
    PrometheusBuilder::new().install_recorder().expect("no other recorder");
    // What is made once.
    measured(PER_FILE);
    let (few, many) = (6 * PER_FILE, 12 * PER_FILE);
    let (less, more) = (measured(few), measured(many));
    let each = |figure: fn(&Memory) -> usize| (figure(&more) - figure(&less)) / (many - few);
    let each = Memory {
        documents: each(|memory| memory.documents),
        plan: each(|memory| memory.plan),
        running: each(|memory| memory.running),
    };
    let bounded = each.documents <= MOST.documents && each.plan <= MOST.plan && each.running <= MOST.running;
    assert!(bounded, "a service takes {each:?} bytes, at most {MOST:?}");
}

/// Memory of this many services.
fn measured(services: usize) -> Memory {
    let files = files(services);
    let texts = || files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let region = Region::new(ALLOCATOR);
    let live = || {
        let change = region.change();
        change.bytes_allocated - change.bytes_deallocated
    };
    let (parsed, findings) = Documents::parse(texts());
    assert!(findings.is_empty(), "{findings}");
    let documents = live();
    let options = CompileOptions { gateway: true, ..CompileOptions::default() };
    let loaded = load(parsed.clone(), findings, &options, None).expect("nothing is wrong");
    let plan = live() - documents;
    drop(loaded);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let running = runtime.block_on(async {
        let mesh = Mesh::from_documents(parsed).gateway(true).start().await.expect("nothing is wrong");
        let workers = [mesh.worker(), mesh.worker()];
        let running = live() - documents - plan;
        drop(workers);
        running
    });
    Memory { documents, plan, running }
}

/// Names and texts.
fn files(services: usize) -> Vec<(String, String)> {
    let services = documents::absent(services);
    let texts = documents::files(&services).enumerate();
    let named = texts.map(|(place, text)| (format!("services-{place:04}.yaml"), text));
    std::iter::once(("gateway.yaml".to_owned(), documents::gateway())).chain(named).collect()
}
