//! The running services, and their endpoints in the mesh's folder.
//!
//! An instance is listed once it listens, and taken off the list a while after it is gone: a real cluster
//! does not notice at once either, and that gap is what retries and outlier detection are for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;

use super::child::{Child, Order};
use super::folder::Folder;
use super::instance::{Role, file_name};
use super::ports::Ports;

/// One running instance.
#[derive(Debug)]
struct Instance {
    role: Role,
    pod: String,
    child: Child,
}

/// How to start one instance of a role.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// Where it listens, if not where the user wants its pod.
    pub(super) listen: Option<SocketAddr>,
    /// Arguments besides those that every service takes.
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(&'static str, String)>,
    /// Listeners beside `http`.
    pub(super) announces: Vec<&'static str>,
}

/// All service instances of a run.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) folder: Folder,
    pub(super) ports: Ports,
    logs: PathBuf,
    running: Vec<Instance>,
    numbers: BTreeMap<String, u32>,
}

impl Fleet {
    /// No instance yet; their output will be in `logs`.
    pub(super) fn new(folder: Folder, logs: PathBuf, ports: Ports) -> Self {
        Self { folder, ports, logs, running: Vec::new(), numbers: BTreeMap::new() }
    }

    /// The name that the next instance of `role` gets.
    pub(super) fn next(&self, role: Role) -> String {
        role.pod(self.numbers.get(&role.workload()).map_or(1, |last| last + 1))
    }

    /// Starts an instance and waits until it listens; the mesh does not know of it yet.
    pub(super) async fn start(&mut self, role: Role, start: Start) -> anyhow::Result<String> {
        let pod = self.next(role);
        *self.numbers.entry(role.workload()).or_default() += 1;
        let address = self.ports.address(&pod);
        let own = [
            role.service,
            "--listen",
            &start.listen.unwrap_or(address).to_string(),
            "--instance",
            &pod,
            "--until-stdin-closes",
        ];
        let order = Order {
            name: pod.clone(),
            arguments: own.into_iter().map(str::to_owned).chain(start.arguments).collect(),
            environment: start.environment,
            announces: [vec!["http"], start.announces].concat(),
        };
        let child = self.child(order).await?;
        self.running.push(Instance { role, pod: pod.clone(), child });
        Ok(pod)
    }

    /// Starts something that is no instance of a service.
    pub(super) async fn child(&self, order: Order) -> anyhow::Result<Child> {
        Child::start(order, &self.logs).await
    }

    /// Tells the mesh that `pod` is reached at `address`, which may be that of its sidecar.
    pub(super) fn list(&self, pod: &str, address: SocketAddr) -> anyhow::Result<()> {
        let role = self.find(pod)?.role;
        self.folder.write(&file_name(pod), role.documents(pod, address).as_bytes())
    }

    /// Tells the mesh that `pod` is gone.
    pub(super) fn unlist(&self, pod: &str) -> anyhow::Result<()> {
        self.folder.remove(&file_name(pod))
    }

    /// Where a pod listens.
    pub(super) fn address(&self, pod: &str, listener: &str) -> anyhow::Result<SocketAddr> {
        self.find(pod)?.child.address(listener)
    }

    /// The pods of a role, oldest first.
    pub(super) fn pods(&self, role: Role) -> Vec<String> {
        self.running
            .iter()
            .filter(|instance| instance.role == role)
            .map(|instance| instance.pod.clone())
            .collect()
    }

    /// SIGKILL. Its endpoint stays listed: see [`unlist`](Self::unlist).
    pub(super) async fn kill(&mut self, pod: &str) -> anyhow::Result<()> {
        let at = self
            .running
            .iter()
            .position(|instance| instance.pod == pod)
            .with_context(|| format!("no pod {pod}"))?;
        self.running.remove(at).child.kill().await
    }

    /// An error if an instance ended that was not killed.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        self.running.iter_mut().try_for_each(|instance| instance.child.check())
    }

    /// Takes all instances of a service out, to be stopped.
    pub(super) fn leave(&mut self, service: &str) -> Vec<Child> {
        let leaving = self.running.extract_if(.., |instance| instance.role.service == service);
        leaving.map(|instance| instance.child).collect()
    }

    fn find(&self, pod: &str) -> anyhow::Result<&Instance> {
        self.running.iter().find(|instance| instance.pod == pod).with_context(|| format!("no pod {pod}"))
    }
}
