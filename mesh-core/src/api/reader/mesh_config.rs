//! The mesh config: in a ConfigMap as text within text, or as a file of its own (MC-1).

use std::sync::Arc;

use super::{Reader, Written, drop_consequences};
use crate::analysis::{Code, Diagnostic, Diagnostics};
use crate::api::at::Source;
use crate::api::decode::Decoder;
use crate::api::documents::Documents;
use crate::api::istio::MeshConfig;
use crate::api::message::Decode;
use crate::api::resource::{Metadata, Resource};
use crate::api::yaml::{self, Node, Style, Value};

/// Name and namespace of the ConfigMap that holds the mesh config (MC-1).
const MESH_CONFIG: (&str, &str) = ("istio-system", "istio");

impl Reader<'_> {
    pub(crate) fn config_map(&mut self, doc: &Written<'_>) {
        let before = self.documents.config_maps.len();
        self.kubernetes_root(doc, |out: &mut Documents| &mut out.config_maps);
        let Some(map) = self.documents.config_maps.get(before) else { return };
        let meta = map.meta.clone();
        if (meta.namespace.as_str(), meta.name.as_str()) == MESH_CONFIG
            && let Some(node) = doc.node.get("data").and_then(|data| data.get("mesh"))
        {
            self.embedded_mesh_config(doc, &meta, node);
        }
    }

    fn embedded_mesh_config(&mut self, doc: &Written<'_>, meta: &Metadata, node: &Node) {
        let text = node.text().unwrap_or_default();
        let (lines, columns) = embedded_place(node);
        let documents = yaml::parse_at(text, lines, columns);
        for document in documents {
            let source = doc.source.clone();
            for problem in &document.problems {
                let origin = source.origin(format!("data.mesh:{}", problem.path), problem.mark);
                let diagnostic =
                    Diagnostic::new(Code::SchemaValidationError, origin, problem.message.clone());
                self.diagnostics.push(Diagnostic { hint: problem.hint.clone(), ..diagnostic });
            }
            if document.problems.is_empty() {
                self.mesh_config(&source, "data.mesh", meta.clone(), &document.node, false);
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
        let mut invalid = resource.validate();
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

/// Lines before the embedded text and columns before each of its lines. Exact for a `|` block, whose
/// lines stand in the file as they are; otherwise the scalar's own place is the best there is.
fn embedded_place(node: &Node) -> (u32, u32) {
    let (line, column) = (node.mark.line.saturating_sub(1), node.mark.column.saturating_sub(1));
    match &node.value {
        // The mark is on the first line that is not blank.
        Value::Scalar(scalar) if scalar.style == Style::Literal => {
            let blank = scalar.text.bytes().take_while(|byte| *byte == b'\n').count();
            (line.saturating_sub(u32::try_from(blank).unwrap_or(0)), column)
        }
        Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => (line, column),
    }
}
