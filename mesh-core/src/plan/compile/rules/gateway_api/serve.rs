//! Which Gateways of the Gateway API a gateway workload serves.
//!
//! A controller runs one Deployment for each Gateway and gives its pods the Gateway's name as a label. A user who
//! deploys by hand names the Service of the pods in the Gateway's `addresses`. And a proxy that no document describes
//! is the one that the files mean, as with Istio's own Gateways.

use super::Edge;
use crate::api::Documents;
use crate::api::Resource;
use crate::api::gateway_api::Gateway;
use crate::identity::Workload;
use crate::plan::compile::inputs::labels::selects;
use crate::plan::compile::inputs::workload::{self, WorkloadSource};

/// Labels with the name of the Gateway that a pod serves; the second is Istio's old one.
const NAME_LABELS: [&str; 2] = ["gateway.networking.k8s.io/gateway-name", "istio.io/gateway-name"];

/// How a workload tells which Gateways it serves.
#[derive(Debug)]
pub(crate) struct Serves {
    /// No document describes it.
    undescribed: bool,
    /// Its name, if it has nothing else.
    name: Option<String>,
}

impl Serves {
    pub(crate) fn of(documents: &Documents, source: &WorkloadSource) -> Self {
        match source {
            WorkloadSource::Explicit(_) => Self { undescribed: false, name: None },
            WorkloadSource::Unknown => Self { undescribed: true, name: None },
            WorkloadSource::Named(name) => Self {
                undescribed: workload::find(documents, name).is_none(),
                name: name.rsplit('/').next().map(str::to_owned),
            },
        }
    }

    /// The Gateways that `workload` serves.
    pub(crate) fn choose<'e, 'a>(
        &self,
        edges: &'e [Edge<'a>],
        documents: &Documents,
        workload: &Workload,
    ) -> Vec<&'e Edge<'a>> {
        let named = |edge: &&Edge<'_>| Some(&edge.resource.meta.name) == self.name.as_ref();
        let fits = |edge: &&Edge<'_>| {
            let gateway = edge.resource;
            is_labelled(gateway, workload) || is_addressed(gateway, documents, workload)
        };
        // A bare name may be that of one Gateway among several.
        let one = self.undescribed && edges.iter().any(|edge| named(&edge));
        edges.iter().filter(|edge| fits(edge) || (self.undescribed && (!one || named(edge)))).collect()
    }
}

fn is_labelled(gateway: &Resource<Gateway>, workload: &Workload) -> bool {
    gateway.meta.namespace == workload.namespace
        && NAME_LABELS.iter().any(|label| workload.labels.get(label) == Some(&gateway.meta.name))
}

/// Whether an address of type Hostname is a Service that selects the workload.
fn is_addressed(gateway: &Resource<Gateway>, documents: &Documents, workload: &Workload) -> bool {
    let hosts = gateway.spec.addresses.iter().filter(|address| address.r#type.as_deref() == Some("Hostname"));
    hosts.filter_map(|address| address.value.as_deref()).any(|host| {
        let mut parts = host.split('.');
        let name = parts.next().unwrap_or_default();
        let namespace = parts.next().unwrap_or(&gateway.meta.namespace);
        namespace == workload.namespace
            && documents
                .services
                .iter()
                .any(|service| service.meta.name == name && selects(service, namespace, &workload.labels))
    })
}
