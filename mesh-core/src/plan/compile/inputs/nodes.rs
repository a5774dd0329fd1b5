//! Where pods run, by the labels of their nodes (LB-9, SE-2).

use std::collections::HashMap;

use crate::api::Documents;
use crate::identity::{Labels, Locality};

/// Label of a pod that names its network.
pub(crate) const NETWORK: &str = "topology.istio.io/network";

/// The localities of the documented nodes.
#[derive(Debug, Default)]
pub(crate) struct Nodes<'a>(HashMap<&'a str, Locality>);

impl<'a> Nodes<'a> {
    pub(crate) fn of(documents: &'a Documents) -> Self {
        let entry = |node: &'a crate::api::Resource<_>| {
            (node.meta.name.as_str(), Locality::of_labels(&node.meta.labels))
        };
        Self(documents.nodes.iter().map(entry).collect())
    }

    /// The locality of a node; unknown if there is no such document.
    pub(crate) fn of_node(&self, name: &str) -> Locality {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// The locality of a pod: by its own labels, else by its node's.
    pub(crate) fn locality(&self, labels: &Labels, node: &str) -> Locality {
        let own = Locality::of_labels(labels);
        if own.is_unknown() { self.of_node(node) } else { own }
    }
}
