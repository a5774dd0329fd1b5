//! A mesh that follows a source of its user's.

use std::sync::Arc;
use std::time::Duration;

use mesh_tests::config::{destination_rule, entry, named_entry};
use mesh_tower::mesh::SourceState;
use mesh_tower::mesh_core::analysis::{Code, Diagnostic, Diagnostics};
use mesh_tower::mesh_core::api::Documents;
use mesh_tower::mesh_core::endpoint::Endpoint;
use mesh_tower::mesh_core::error::Origin;
use mesh_tower::mesh_core::plan::builder::Rule;
use mesh_tower::mesh_core::plan::{ClusterKey, CompileOptions, Plan, compile};
use mesh_tower::source::{Next, Report, Source, SourceError, Update};
use mesh_tower::test::{MeshTest, TestMesh, pass};
use tokio::sync::mpsc;

type Said = Result<Update, SourceError>;

/// The mesh's end of a control plane.
#[derive(Debug)]
struct Agent {
    updates: mpsc::UnboundedReceiver<Said>,
    reports: mpsc::UnboundedSender<Report>,
    /// Alone while there is the agent.
    _alive: Arc<()>,
}

impl Source for Agent {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async { self.updates.recv().await })
    }

    fn report(&mut self, report: &Report) {
        // A test may not ask any more.
        let _: Result<(), _> = self.reports.send(report.clone());
    }
}

/// The test's end of it.
struct Control {
    updates: mpsc::UnboundedSender<Said>,
    reports: mpsc::UnboundedReceiver<Report>,
    alive: Arc<()>,
}

impl Control {
    fn new() -> (Self, Agent) {
        let (updates, received) = mpsc::unbounded_channel();
        let (sent, reports) = mpsc::unbounded_channel();
        let alive = Arc::new(());
        let agent = Agent { updates: received, reports: sent, _alive: alive.clone() };
        (Self { updates, reports, alive }, agent)
    }

    /// Sends the first update and starts the mesh.
    async fn start(first: Update) -> (Self, TestMesh) {
        let (mut control, agent) = Self::new();
        control.send(Ok(first));
        let test = MeshTest::from_source(agent).start().await;
        assert_eq!(generation(&control.report().await), 1);
        (control, test)
    }

    fn send(&self, said: Said) {
        self.updates.send(said).unwrap();
    }

    async fn report(&mut self) -> Report {
        self.reports.recv().await.unwrap()
    }

    async fn push(&mut self, update: Update) -> Report {
        self.send(Ok(update));
        self.report().await
    }
}

fn generation(report: &Report) -> u64 {
    match report {
        Report::InForce { generation, .. } => *generation,
        other => panic!("{other:?}"),
    }
}

fn reason(report: &Report) -> &str {
    match report {
        Report::Rejected { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

/// A service at this address, written.
fn yaml(endpoint: &str) -> String {
    entry("api.example.com", "HTTP", 80, &[format!("{endpoint}:80").parse().unwrap()])
}

fn parsed(yaml: &str) -> Documents {
    let (documents, found) = Documents::parse([("mesh.yaml", yaml)]);
    assert!(!found.has_errors(), "{found}");
    documents
}

fn plan(yaml: &str) -> Plan {
    let compiled = compile(&parsed(yaml), &CompileOptions::default(), None);
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.diagnostics);
    compiled.plan
}

fn cluster() -> ClusterKey {
    ClusterKey::outbound("api.example.com", 80, "")
}

fn endpoints(addresses: &[&str]) -> Update {
    Update::endpoints(cluster(), addresses.iter().map(|one| Endpoint::new(one.parse().unwrap())))
}

/// Upstreams that answer with the last number of their addresses.
fn upstreams(test: &TestMesh) {
    for number in 1..=4 {
        test.upstream(&format!("10.0.0.{number}:80")).respond(200, number.to_string());
    }
}

async fn answer(test: &TestMesh) -> String {
    test.get("http://api.example.com/").await.text()
}

#[tokio::test(start_paused = true)]
async fn op_5_a_source_pushes_a_plan_and_then_endpoints_of_one_cluster() {
    let (mut control, test) = Control::start(Update::plan(plan(&yaml("10.0.0.1")))).await;
    upstreams(&test);
    assert_eq!(answer(&test).await, "1");
    let before = test.mesh().live().clusters()[0].clone();
    assert_eq!(generation(&control.push(endpoints(&["10.0.0.2:80"])).await), 1);
    assert_eq!(answer(&test).await, "2");
    // A plan that has the cluster keeps the pushed endpoints: as the same cluster, and as one with another policy.
    assert_eq!(generation(&control.push(Update::plan(plan(&yaml("10.0.0.3")))).await), 2);
    assert_eq!(answer(&test).await, "2");
    let same = test.mesh().live().cluster(test.mesh().plan().cluster_id(&cluster()).unwrap()).cloned();
    assert!(Arc::ptr_eq(&same.unwrap(), &before), "its state survives");
    let rule = destination_rule("api.example.com", "  trafficPolicy: {loadBalancer: {simple: RANDOM}}");
    let other = plan(&(yaml("10.0.0.3") + &rule));
    assert_eq!(generation(&control.push(Update::plan(other)).await), 3);
    assert_eq!(answer(&test).await, "2");
    assert_eq!(generation(&control.push(endpoints(&["10.0.0.4:80"])).await), 3);
    assert_eq!(answer(&test).await, "4");
    assert_eq!(generation(&control.push(endpoints(&[])).await), 3);
    assert_eq!(test.get("http://api.example.com/").await.status(), 503);
}

#[tokio::test(start_paused = true)]
async fn op_5_endpoints_of_no_cluster_are_rejected_and_reported() {
    let (mut control, agent) = Control::new();
    control.send(Ok(endpoints(&["10.0.0.1:80"])));
    control.send(Ok(Update::plan(plan(&named_entry("api.example.com", "HTTP", "DNS")))));
    let test = MeshTest::from_source(agent).start().await;
    assert!(reason(&control.report().await).contains("before the first plan"));
    assert_eq!(generation(&control.report().await), 1);
    let unknown = Update::endpoints(ClusterKey::Named("b".into()), []);
    assert_eq!(reason(&control.push(unknown).await), "there is no cluster b");
    assert!(reason(&control.push(endpoints(&["10.0.0.1:80"])).await).contains("resolves names"));
    assert_eq!(test.mesh().status().rejected, None, "the plan is as it was");
}

#[tokio::test(start_paused = true)]
async fn op_5_a_plan_with_a_finding_that_fails_closed_is_rejected_and_reported() {
    let (mut control, test) = Control::start(Update::plan(plan(&yaml("10.0.0.1")))).await;
    upstreams(&test);
    let mut finding = Diagnostic::new(Code::NotImplemented, Origin::default(), "not understood");
    finding.fail_closed = true;
    let findings: Diagnostics = [finding].into_iter().collect();
    let refused = Update::plan_with(plan(&yaml("10.0.0.2")), findings.clone());
    let expected = Report::Rejected { reason: "a security resource cannot be honoured".to_owned(), findings };
    assert_eq!(control.push(refused).await, expected);
    assert_eq!(answer(&test).await, "1");
    assert!(test.mesh().status().rejected.is_some());
    assert_eq!(generation(&control.push(Update::plan(plan(&yaml("10.0.0.2")))).await), 2);
    assert_eq!(answer(&test).await, "2");
    assert_eq!(test.mesh().status().rejected, None);
}

/// Y-12: documents of any source keep their last good version.
#[tokio::test(start_paused = true)]
async fn y_12_documents_of_a_source_are_loaded_as_those_of_a_folder() {
    let said = |yaml: &str| {
        let (documents, findings) = Documents::parse([("mesh.yaml", yaml)]);
        Update::documents(documents, findings)
    };
    let (mut control, test) = Control::start(said(&yaml("10.0.0.1"))).await;
    upstreams(&test);
    let report = control.push(said(&yaml("10.0.0.2").replace("resolution", "resolutoin"))).await;
    let Report::InForce { generation: 2, findings } = &report else { panic!("{report:?}") };
    assert!(findings.has_errors());
    assert_eq!(answer(&test).await, "1");
    assert_eq!(test.mesh().status().stale_resources, ["ServiceEntry default/api-example-com"]);
    // A plan is no document: it keeps nothing of them, and they nothing of it.
    assert_eq!(generation(&control.push(Update::plan(plan(&yaml("10.0.0.3")))).await), 3);
    assert_eq!(answer(&test).await, "3");
    assert_eq!(generation(&control.push(said(&yaml("10.0.0.4"))).await), 4);
    assert_eq!(answer(&test).await, "4");
    assert_eq!(test.mesh().plan().generation, 4);
}

#[tokio::test(start_paused = true)]
async fn op_5_a_source_that_fails_or_ends_changes_nothing_in_force() {
    let (mut control, test) = Control::start(Update::plan(plan(&yaml("10.0.0.1")))).await;
    upstreams(&test);
    control.send(Err(SourceError::new("the control plane is away")));
    control.send(Err(SourceError::new("it still is")));
    // The mesh asks again in any case.
    while test.mesh().status().rejected.as_deref() != Some("it still is") {
        pass(Duration::from_millis(1)).await;
    }
    assert_eq!(test.mesh().status().source, SourceState::Failing);
    assert_eq!(test.mesh().status().generation, 1);
    assert_eq!(answer(&test).await, "1");
    assert!(test.mesh().is_ready());
    assert_eq!(generation(&control.push(Update::plan(plan(&yaml("10.0.0.2")))).await), 2);
    assert_eq!(test.mesh().status().source, SourceState::Following);
    assert_eq!(answer(&test).await, "2");
    let alive = control.alive.clone();
    drop(control);
    while Arc::strong_count(&alive) > 1 {
        pass(Duration::from_millis(1)).await;
    }
    let status = test.mesh().status();
    assert_eq!((status.source, status.generation, status.rejected.clone()), (SourceState::Ended, 2, None));
    assert_eq!(answer(&test).await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_source_is_dropped_with_the_mesh_and_when_documents_take_its_place() {
    let gone = async |alive: Arc<()>| {
        while Arc::strong_count(&alive) > 2 {
            pass(Duration::from_millis(1)).await;
        }
    };
    let (control, test) = Control::start(Update::plan(plan(&yaml("10.0.0.1")))).await;
    assert_eq!(Arc::strong_count(&control.alive), 2);
    drop(test);
    gone(control.alive.clone()).await;
    let (control, test) = Control::start(Update::plan(plan(&yaml("10.0.0.1")))).await;
    upstreams(&test);
    assert!(!test.mesh().reload(), "nothing of it can be read");
    test.reload(&yaml("10.0.0.2"));
    gone(control.alive.clone()).await;
    assert_eq!(answer(&test).await, "2");
    assert_eq!(test.mesh().plan().generation, 2);
}

#[tokio::test(start_paused = true)]
async fn a_start_fails_with_its_source() {
    let (control, agent) = Control::new();
    control.send(Err(SourceError::new("the control plane is away")));
    let refused = mesh_tower::Mesh::from_source(agent).start().await.unwrap_err();
    assert_eq!(refused.to_string(), "the mesh does not start: the control plane is away");
    let (control, agent) = Control::new();
    drop(control);
    let refused = mesh_tower::Mesh::from_source(agent).start().await.unwrap_err();
    assert_eq!(refused.to_string(), "the mesh does not start: its source has no configuration");
    let (_control, agent) = Control::new();
    let refused = mesh_tower::Mesh::from_source(agent).rule(Rule::to("a")).start().await.unwrap_err();
    assert!(refused.to_string().contains("cannot be added to another source"), "{refused}");
}
