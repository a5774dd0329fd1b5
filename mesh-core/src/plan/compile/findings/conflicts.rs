//! Resources that are right one by one and wrong together: Sidecars for one pod, Services for one
//! port, pods of one Service (SC-1, P-6, P-7).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::api::Resource;
use crate::api::istio::Sidecar;
use crate::api::kubernetes::{Service, ServicePort, Workload};
use crate::diagnostic::{Code, Diagnostic};
use crate::identity::Labels;
use crate::plan::compile::Compiler;
use crate::plan::compile::inputs::labels::{has_labels, selects};
use crate::plan::compile::inputs::protocol::Protocol;
use crate::plan::compile::registry::target_port;

impl Compiler<'_> {
    pub(crate) fn check_together(&mut self) {
        let mut found = Vec::new();
        self.sidecars(&mut found);
        let services = Services::of(&self.documents.services);
        let mut apps: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for workload in &self.documents.workloads {
            let selecting = services.that_select(workload);
            services_of(workload, &selecting, &mut found);
            if let Some(app) = workload.spec.template.metadata.labels.get("app") {
                selecting.iter().for_each(|(index, _)| {
                    apps.entry(*index).or_default().insert(app);
                });
            }
        }
        for (index, apps) in apps.into_iter().filter(|(_, apps)| apps.len() > 1) {
            different_apps(&self.documents.services[index], apps, &mut found);
        }
        self.out.extend(found);
    }

    /// IST0111 and IST0110: several Sidecars for a namespace, or for a pod. The oldest is used (MO-5).
    fn sidecars(&self, found: &mut Vec<Diagnostic>) {
        let mut plain: BTreeMap<&str, Vec<&Resource<Sidecar>>> = BTreeMap::new();
        for sidecar in self.documents.sidecars.iter().filter(|sidecar| selector(sidecar).is_none()) {
            plain.entry(&sidecar.meta.namespace).or_default().push(sidecar);
        }
        for (namespace, all) in plain.into_iter().filter(|(_, all)| all.len() > 1) {
            let names = names(&all);
            for sidecar in &all {
                let message = format!(
                    "{names} of namespace {namespace} have no workloadSelector; only {} is used",
                    all[0].meta.name
                );
                let code = Code::MultipleSidecarsWithoutWorkloadSelectors;
                found.push(Diagnostic::new(code, sidecar.locate(sidecar.spec.at.origin()), message));
            }
        }
        let mut selecting: BTreeMap<&str, Vec<&Resource<Sidecar>>> = BTreeMap::new();
        for sidecar in self.documents.sidecars.iter().filter(|sidecar| selector(sidecar).is_some()) {
            selecting.entry(&sidecar.meta.namespace).or_default().push(sidecar);
        }
        let mut told = BTreeSet::new();
        let described = self.documents.workloads.iter().map(|workload| {
            (&workload.meta.namespace, workload.meta.name.as_str(), &workload.spec.template.metadata.labels)
        });
        let ours = (&self.workload.namespace, self.workload.name.as_str(), &self.workload.labels);
        for (namespace, name, labels) in described.chain([ours]) {
            let selects = |sidecar: &&Resource<Sidecar>| {
                selector(sidecar).is_some_and(|wanted| has_labels(labels, wanted))
            };
            let here = selecting.get(namespace.as_str()).map(Vec::as_slice).unwrap_or_default();
            let all: Vec<&Resource<Sidecar>> = here.iter().copied().filter(selects).collect();
            if all.len() > 1
                && told.insert((namespace, all.iter().map(|one| &one.meta.name).collect::<Vec<_>>()))
            {
                let names = names(&all);
                for sidecar in &all {
                    let message =
                        format!("{names} select {namespace}/{name}; only {} is used", all[0].meta.name);
                    let origin = sidecar.locate(sidecar.spec.at.field("workloadSelector"));
                    found.push(Diagnostic::new(Code::ConflictingSidecarWorkloadSelectors, origin, message));
                }
            }
        }
    }
}

/// The Services of each namespace, by a label that they select by: what selects a pod is found by its labels.
struct Services<'a> {
    by_label: HashMap<(&'a str, &'a str, &'a str), Vec<(usize, &'a Resource<Service>)>>,
}

impl<'a> Services<'a> {
    fn of(services: &'a [Resource<Service>]) -> Self {
        let mut by_label: HashMap<_, Vec<_>> = HashMap::new();
        for (index, service) in services.iter().enumerate() {
            // One of its labels is enough to be found by.
            if let Some((key, value)) = service.spec.selector.iter().last() {
                let label = (service.meta.namespace.as_str(), key.as_str(), value.as_str());
                by_label.entry(label).or_default().push((index, service));
            }
        }
        Self { by_label }
    }

    /// With their positions, in order.
    fn that_select(&self, workload: &Resource<Workload>) -> Vec<(usize, &'a Resource<Service>)> {
        let (namespace, labels) = (workload.meta.namespace.as_str(), &workload.spec.template.metadata.labels);
        let candidates = labels
            .iter()
            .filter_map(|(key, value)| self.by_label.get(&(namespace, key.as_str(), value.as_str())));
        let selecting = candidates.flatten().filter(|(_, service)| selects(service, namespace, labels));
        let mut selecting: Vec<(usize, &'a Resource<Service>)> = selecting.copied().collect();
        selecting.sort_by_key(|(index, _)| *index);
        selecting
    }
}

/// IST0116 and IST0137: Services that lead to one port of a pod, and disagree on what it is.
fn services_of(
    workload: &Resource<Workload>,
    selecting: &[(usize, &Resource<Service>)],
    found: &mut Vec<Diagnostic>,
) {
    let mut ports: BTreeMap<u16, Vec<(&Resource<Service>, &ServicePort)>> = BTreeMap::new();
    for (_, service) in selecting {
        for port in &service.spec.ports {
            if let Some(target) = target_port(port, workload) {
                ports.entry(target).or_default().push((service, port));
            }
        }
    }
    for (target, all) in ports {
        let services: BTreeSet<&str> = all.iter().map(|(service, _)| service.meta.name.as_str()).collect();
        if services.len() < 2 {
            continue;
        }
        let services = services.into_iter().collect::<Vec<_>>().join(", ");
        let numbers: BTreeSet<u32> = all.iter().map(|(_, port)| port.port).collect();
        let protocols: BTreeSet<String> = all
            .iter()
            .map(|(_, port)| {
                let number = u16::try_from(port.port).unwrap_or_default();
                format!("{:?}", Protocol::of_service_port(port, number)).to_uppercase()
            })
            .collect();
        let mut note = |code, message: String| {
            found.push(Diagnostic::new(code, workload.locate(workload.spec.template.at.origin()), message));
        };
        if protocols.len() > 1 {
            let protocols = protocols.into_iter().collect::<Vec<_>>().join(", ");
            note(
                Code::DeploymentAssociatedToMultipleServices,
                format!("port {target} is reached through {services} with different protocols: {protocols}"),
            );
        }
        if numbers.len() > 1 {
            let numbers = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            note(
                Code::DeploymentConflictingPorts,
                format!("targetPort {target} is reached through {services} by different ports: {numbers}"),
            );
        }
    }
}

/// MESH0009: pods behind one Service that are not one application (P-6).
fn different_apps(service: &Resource<Service>, apps: BTreeSet<&str>, found: &mut Vec<Diagnostic>) {
    let apps = apps.into_iter().collect::<Vec<_>>().join(", ");
    let message = format!("the pods behind this Service have different app labels: {apps}");
    let origin = service.locate(service.spec.at.field("selector"));
    found.push(Diagnostic::new(Code::AppLabelDiffers, origin, message));
}

fn selector(sidecar: &Resource<Sidecar>) -> Option<&Labels> {
    sidecar
        .spec
        .workload_selector
        .as_ref()
        .map(|selector| &selector.labels)
        .filter(|labels| !labels.is_empty())
}

fn names(all: &[&Resource<Sidecar>]) -> String {
    all.iter().map(|sidecar| sidecar.meta.name.as_str()).collect::<Vec<_>>().join(", ")
}
