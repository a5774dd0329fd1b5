//! The mesh config: in a ConfigMap as text within text, or as a file of its own (MC-1).

use std::sync::Arc;

use super::{Reader, Written, drop_consequences, embedded};
use crate::analysis::{Code, Diagnostic, Diagnostics, Level};
use crate::api::at::{Source, path_key};
use crate::api::decode::Decoder;
use crate::api::documents::Documents;
use crate::api::istio::MeshConfig;
use crate::api::message::Decode;
use crate::api::resource::{Metadata, Resource};
use crate::api::yaml::Node;

/// Name and namespace of the ConfigMap that holds the mesh config (MC-1).
const MESH_CONFIG: (&str, &str) = ("istio-system", "istio");

impl Reader<'_> {
    pub(crate) fn config_map(&mut self, doc: &Written<'_>) {
        let before = self.documents.config_maps.len();
        self.kubernetes_root(doc, |out: &mut Documents| &mut out.config_maps);
        let Some(map) = self.documents.config_maps.get(before) else { return };
        let meta = map.meta.clone();
        if (meta.namespace.as_str(), meta.name.as_str()) != MESH_CONFIG {
            return;
        }
        let data = doc.node.get("data");
        if let Some(node) = data.and_then(|data| data.get("mesh")) {
            self.embedded_mesh_config(doc, &meta, node);
        }
        if let Some(node) = data.and_then(|data| data.get("meshNetworks")) {
            self.networks(&doc.source, node);
        }
    }

    /// Istio's list of networks and their gateways, beside the mesh config: nothing is done for it.
    fn networks(&mut self, source: &Source, node: &Node) {
        for document in embedded::documents(node) {
            embedded::problems(source, "data.meshNetworks", &document, self.diagnostics);
            let networks = document.node.get("networks").and_then(Node::entries).unwrap_or_default();
            for network in networks {
                let path = format!("data.meshNetworks.networks{}", path_key(&network.key));
                let origin = source.origin(path, network.key_mark);
                let message =
                    "networks have no effect: endpoints of others are dialled at their own addresses";
                self.diagnostics
                    .push(Diagnostic::new(Code::NotImplemented, origin, message).level(Level::Warning));
            }
        }
    }

    fn embedded_mesh_config(&mut self, doc: &Written<'_>, meta: &Metadata, node: &Node) {
        for document in embedded::documents(node) {
            embedded::problems(&doc.source, "data.mesh", &document, self.diagnostics);
            if document.problems.is_empty() {
                self.mesh_config(&doc.source, "data.mesh", meta.clone(), &document.node, false);
            }
        }
    }

    pub(super) fn bare_mesh_config(&mut self, source: &Arc<Source>, node: &Node) {
        let resource = format!("MeshConfig {}/{}", MESH_CONFIG.0, MESH_CONFIG.1);
        let source = Arc::new(Source { resource: resource.into(), ..Source::clone(source) });
        self.mesh_config(&source, "", Metadata::new(MESH_CONFIG.0, MESH_CONFIG.1), node, true);
    }

    fn mesh_config(&mut self, source: &Arc<Source>, path: &str, meta: Metadata, node: &Node, bare: bool) {
        let mut found = Diagnostics::new();
        let mut decoder = Decoder::new(source.clone(), path, self.strictness, &mut found);
        let spec = MeshConfig::decode(node, &mut decoder);
        let Some(resource) = spec.map(|spec| Resource { meta, spec, source: source.clone() }) else {
            self.diagnostics.append(found);
            return;
        };
        let mut invalid = resource.validate_with(self.strictness);
        drop_consequences(&mut invalid, &found);
        found.append(invalid);
        let usable = !found.has_errors();
        self.diagnostics.append(found);
        if !usable {
            return;
        }
        if let Some(other) = &self.documents.mesh_config {
            let (winner, loser) =
                if bare && !self.bare_mesh_config { (&resource, other) } else { (other, &resource) };
            let message = format!("ignored: the mesh config of {} is in force", winner.origin());
            self.diagnostics.push(Diagnostic::new(Code::SchemaWarning, loser.origin(), message));
        }
        if self.documents.mesh_config.is_none() || (bare && !self.bare_mesh_config) {
            self.documents.mesh_config = Some(resource);
            self.bare_mesh_config |= bare;
        }
    }
}

/// Whether a file of this name, without a kind, is a mesh config.
pub(super) fn is_file(file: &str) -> bool {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    matches!(name, "mesh.yaml" | "mesh.yml" | "mesh.json")
}
