//! What an update, an error and the end of a source leave in force.

use mesh_core::plan::builder::{MeshSpec, Protocol, Service};
use mesh_core::plan::{CompileOptions, Plan, compile};

use super::*;
use crate::source::{Next, Source};

/// A source with one update, and no end.
#[derive(Debug)]
struct Once(Option<Update>);

impl Source for Once {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            match self.0.take() {
                Some(update) => Some(Ok(update)),
                None => std::future::pending().await,
            }
        })
    }
}

fn plan() -> Plan {
    let services = MeshSpec::new().service(reviews_at("127.0.0.1:9080"));
    let services = services.build().expect("a sound service");
    Plan::clone(&compile(&services, &CompileOptions::default(), None).plan)
}

fn reviews_at(address: &str) -> Service {
    let no_labels: [(&str, &str); 0] = [];
    Service::new("reviews")
        .port(9080, Protocol::Http)
        .endpoint(address.parse().expect("an address"), no_labels)
}

fn reviews() -> ClusterKey {
    ClusterKey::outbound("reviews.default.svc.cluster.local", 9080, "")
}

async fn start() -> Mesh {
    Mesh::from_source(Once(Some(Update::plan(plan())))).start().await.expect("a sound plan")
}

#[tokio::test]
async fn a_source_that_was_replaced_changes_no_status() {
    let mesh = start().await;
    assert!(mesh.apply(Documents::default()));
    mesh.source_failed(&SourceError::new("the control plane is away"));
    assert_eq!((mesh.status().rejected.clone(), mesh.status().source), (None, SourceState::Following));
    mesh.source_ended();
    assert_eq!(mesh.status().source, SourceState::Following);
}

#[tokio::test]
async fn endpoints_after_an_error_show_that_the_source_is_back() {
    let mesh = start().await;
    mesh.source_failed(&SourceError::new("the control plane is away"));
    assert_eq!(mesh.status().source, SourceState::Failing);
    let endpoint = Endpoint::new("127.0.0.1:9081".parse().expect("an address"));
    let report = mesh.take(Update::endpoints(reviews(), [endpoint]));
    assert_eq!(report, Report::InForce { generation: 1, findings: Diagnostics::new() });
    assert_eq!((mesh.status().rejected.clone(), mesh.status().source), (None, SourceState::Following));
}

/// Panics while the configuration is locked.
fn panic_while_reloading(mesh: &Mesh) {
    let mesh = mesh.clone();
    let thread = std::thread::spawn(move || {
        let _locked = mesh.configuration();
        panic!("a fault of a load");
    });
    assert!(thread.join().is_err());
}

#[tokio::test]
async fn a_panic_in_a_load_does_not_end_reloads() {
    let mesh = start().await;
    panic_while_reloading(&mesh);
    let report = mesh.take(Update::plan(plan()));
    assert_eq!(report, Report::InForce { generation: 2, findings: Diagnostics::new() });
    assert!(mesh.apply(Documents::default()));
}

#[cfg(feature = "file")]
#[tokio::test]
async fn a_folder_is_news_again_after_a_panic_in_its_load() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Mesh::from_dir(folder.path()).identity(mesh_core::identity::Workload::default()).watch(false);
    let mesh = mesh.start().await.unwrap();
    assert!(!mesh.reload(), "nothing has changed");
    panic_while_reloading(&mesh);
    assert!(mesh.reload());
    assert!(!mesh.reload());
}

#[tokio::test]
async fn a_plan_with_a_place_that_is_no_clusters_is_rejected() {
    let mesh = start().await;
    let broken = Plan { clusters: Vec::new(), ..plan() };
    let Report::Rejected { reason, .. } = mesh.take(Update::plan(broken)) else {
        panic!("it has no cluster")
    };
    assert!(reason.contains(&reviews().to_string()), "{reason}");
    assert_eq!(mesh.status().generation, 1);
}
