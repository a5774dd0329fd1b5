//! What is known of the pods behind endpoints: labels, workload, account (SE-2, SE-3).

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::kubernetes::{ObjectReference, Workload};
use crate::api::{Documents, Resource};
use crate::endpoint::Endpoint;
use crate::identity::{Labels, Locality};
use crate::plan::compile::inputs::labels::has_labels;
use crate::plan::compile::inputs::nodes::{NETWORK, Nodes};

/// Facts about the pod behind an endpoint.
#[derive(Clone, Debug)]
pub(super) struct Pod<'a> {
    pub(super) resource: &'a Resource<Workload>,
    pub(super) labels: Arc<Labels>,
    /// Name and namespace of its workload.
    pub(super) workload: (Arc<str>, Arc<str>),
    /// The SPIFFE id of its account.
    pub(super) identity: Arc<str>,
    pub(super) node: Option<Arc<str>>,
    /// By its labels, else by those of its node.
    pub(super) locality: Locality,
    pub(super) network: Option<Arc<str>>,
}

/// The documented pods.
#[derive(Debug)]
pub(super) struct Pods<'a> {
    pods: Vec<Pod<'a>>,
    by_name: HashMap<(&'a str, &'a str), usize>,
    by_ip: HashMap<&'a str, usize>,
    by_namespace: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Pods<'a> {
    pub(super) fn of(documents: &'a Documents, trust_domain: &str) -> Self {
        let nodes = Nodes::of(documents);
        let mut pods = Self {
            pods: Vec::new(),
            by_name: HashMap::new(),
            by_ip: HashMap::new(),
            by_namespace: HashMap::new(),
        };
        for resource in &documents.workloads {
            let index = pods.pods.len();
            let meta = &resource.meta;
            pods.pods.push(Pod::new(resource, trust_domain, &nodes));
            let name = (meta.namespace.as_str(), meta.name.as_str());
            // A Pod is the truth about itself; a Deployment of the same name is only its plan.
            if resource.spec.kind == "Pod" {
                pods.by_name.insert(name, index);
                pods.by_namespace.entry(&meta.namespace).or_default().push(index);
                if let Some(ip) = &resource.spec.pod_ip {
                    pods.by_ip.entry(ip).or_insert(index);
                }
            } else {
                pods.by_name.entry(name).or_insert(index);
            }
        }
        pods
    }

    /// The pod that an endpoint names, else the one with its address. A Deployment may be named too,
    /// for endpoints that are plain processes **\[O\]**.
    pub(super) fn behind(
        &self,
        reference: Option<&ObjectReference>,
        namespace: &str,
        ip: &str,
    ) -> Option<&Pod<'a>> {
        // A slice may name what is no workload, such as a Node, by the name that a pod has.
        let is_workload = |reference: &&ObjectReference| {
            reference.kind.is_empty() || Workload::KINDS.contains(&reference.kind.as_str())
        };
        let named = reference.filter(is_workload).and_then(|reference| {
            let namespace = if reference.namespace.is_empty() { namespace } else { &reference.namespace };
            self.by_name.get(&(namespace, reference.name.as_str()))
        });
        named.or_else(|| self.by_ip.get(ip)).map(|index| &self.pods[*index])
    }

    /// The pods of a namespace that have an address and these labels.
    pub(super) fn running(&self, namespace: &str, selector: &Labels) -> impl Iterator<Item = &Pod<'a>> {
        let pods = self.by_namespace.get(namespace).map(Vec::as_slice).unwrap_or_default();
        pods.iter()
            .map(|index| &self.pods[*index])
            .filter(move |pod| pod.resource.spec.pod_ip.is_some() && has_labels(&pod.labels, selector))
    }
}

impl<'a> Pod<'a> {
    fn new(resource: &'a Resource<Workload>, trust_domain: &str, nodes: &Nodes<'_>) -> Self {
        let (meta, template) = (&resource.meta, &resource.spec.template);
        let account = [&template.spec.service_account_name, &template.spec.service_account];
        let account = account.into_iter().find(|name| !name.is_empty()).map_or("default", String::as_str);
        let labels = &template.metadata.labels;
        // A ReplicaSet's pod is called `<workload>-<hash>-<five letters>`.
        let owner = labels.get("pod-template-hash").and_then(|hash| {
            let at = meta.name.find(&format!("-{hash}"))?;
            meta.name.get(..at)
        });
        Self {
            resource,
            labels: Arc::new(labels.clone()),
            workload: (owner.unwrap_or(&meta.name).into(), meta.namespace.as_str().into()),
            identity: spiffe_id(trust_domain, &meta.namespace, account),
            node: Some(template.spec.node_name.as_str()).filter(|node| !node.is_empty()).map(Into::into),
            locality: nodes.locality(labels, &template.spec.node_name),
            network: labels.get(NETWORK).map(|network| network.as_str().into()),
        }
    }
}

impl Pod<'_> {
    /// An endpoint with all that is known of the pod behind it.
    pub(super) fn facts(&self, endpoint: Endpoint) -> Endpoint {
        Endpoint {
            locality: self.locality.clone(),
            node: self.node.clone(),
            network: self.network.clone(),
            labels: Arc::clone(&self.labels),
            workload: Some(self.workload.clone()),
            identity: Some(Arc::clone(&self.identity)),
            ..endpoint
        }
    }
}

/// The SPIFFE id of a service account.
pub(super) fn spiffe_id(trust_domain: &str, namespace: &str, account: &str) -> Arc<str> {
    format!("spiffe://{trust_domain}/ns/{namespace}/sa/{account}").into()
}
