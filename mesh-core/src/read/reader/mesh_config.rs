//! The mesh config: in a ConfigMap as text within text, or as a file of its own (MC-1).

use std::sync::Arc;

use super::{Reader, Written, drop_consequences, embedded};
use crate::api::decode::{Decode, Decoder};
use crate::api::documents::Documents;
use crate::api::istio::MeshConfig;
use crate::api::resource::{Metadata, Parts, Resource};
use crate::api::source::{Source, path_key};
use crate::api::tree::Node;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
use crate::read::file::MeshConfigs;
use crate::read::kinds::written_mesh_field;
use crate::read::yaml::Problem;

/// Name and namespace of the ConfigMap that holds the mesh config (MC-1).
const MESH_CONFIG: (&str, &str) = ("istio-system", "istio");

/// The path of the mesh config in its ConfigMap.
const EMBEDDED: &str = "data.mesh";

/// A mesh config, as it is written.
struct Config<'n> {
    /// Where it stands in its document.
    path: &'static str,
    node: &'n Node,
    /// What is wrong with it as YAML, each of which costs what it is about.
    slips: &'n [Problem],
}

impl Reader {
    pub(super) fn config_map(&mut self, doc: &Written<'_>) {
        let before = self.documents.config_maps.len();
        self.kubernetes_root(doc, |out: &mut Documents| &mut out.config_maps);
        let refused = || {
            let last = self.documents.refused.as_ref()?.config_maps.last();
            last.filter(|map| map.source.file == doc.source.file && map.source.mark == doc.source.mark)
        };
        let Some(map) = self.documents.config_maps.get(before).or_else(refused) else { return };
        let (meta, source) = (map.meta.clone(), map.source.clone());
        if (meta.namespace.as_str(), meta.name.as_str()) != MESH_CONFIG {
            return;
        }
        // One of which only something else is refused, such as a label, says what the mesh config is all the same.
        let mut said = MeshConfigs::new(&doc.source, false);
        let is_guess = source.refused.iter().any(|path| matches!(&**path, "kind" | "apiVersion"));
        if is_guess || source.refuses(EMBEDDED) {
            said.refuse(&source);
        } else {
            let data = doc.node.get("data");
            if let Some(node) = data.and_then(|data| data.get("mesh")) {
                self.embedded_mesh_config(&mut said, doc, &meta, node);
            }
            if let Some(node) = data.and_then(|data| data.get("meshNetworks")) {
                networks(&doc.source, node, &mut said.findings);
            }
        }
        self.mesh_configs.push(said);
    }

    fn embedded_mesh_config(&self, said: &mut MeshConfigs, doc: &Written<'_>, meta: &Metadata, node: &Node) {
        for document in embedded::documents(node) {
            if document.problems.iter().all(|problem| problem.alone) {
                let config = Config { path: EMBEDDED, node: &document.node, slips: &document.problems };
                self.mesh_config(said, &doc.source, meta.clone(), &config);
            } else {
                embedded::problems(&doc.source, EMBEDDED, &document.problems, &mut said.findings);
                said.refuse(&doc.source);
            }
        }
    }

    pub(super) fn bare_mesh_config(&mut self, source: &Arc<Source>, node: &Node, slips: &[Problem]) {
        let meta = Metadata::new(MESH_CONFIG.0, MESH_CONFIG.1);
        let source = bare(source);
        let mut said = MeshConfigs::new(&source, true);
        self.mesh_config(&mut said, &source, meta, &Config { path: "", node, slips });
        self.mesh_configs.push(said);
    }

    /// A file that should be the mesh config, and of which nothing can be read.
    pub(super) fn unreadable_mesh_config(&mut self, source: &Source) {
        let source = bare(source);
        let mut said = MeshConfigs::new(&source, true);
        said.refuse(&source);
        self.mesh_configs.push(said);
    }

    fn mesh_config(&self, said: &mut MeshConfigs, source: &Arc<Source>, meta: Metadata, config: &Config<'_>) {
        let mut found = Diagnostics::new();
        embedded::problems(source, config.path, config.slips, &mut found);
        let mut decoder = Decoder::new(source.clone(), config.path, self.strictness, &mut found);
        let spec = MeshConfig::decode(config.node, &mut decoder);
        let Some(mut resource) =
            spec.map(|spec| Resource::from(Parts { meta, spec, source: source.clone() }))
        else {
            said.findings.append(found);
            said.refuse(source);
            return;
        };
        let mut invalid = resource.validate_with(self.strictness);
        drop_consequences(&mut invalid, &found);
        found.append(invalid);
        // Each field by itself: one that is refused leaves the others in force (Y-12).
        let refused: Vec<Arc<str>> = found
            .iter()
            .filter(|one| one.is_error())
            .map(|one| one.origin.path.strip_prefix(config.path).unwrap_or(&one.origin.path))
            .map(|path| path.trim_start_matches(['.', ':']).into())
            .collect();
        said.findings.append(found);
        if refused.iter().any(|path| path.is_empty()) {
            said.refuse(source);
            return;
        }
        let unsaid = MeshConfig::default();
        // Of the providers each stands by itself, and nothing comes of one until it is used.
        let of_one = |path: &&Arc<str>| !path.starts_with("extensionProviders[");
        for field in refused.iter().filter(of_one).filter_map(|path| written_mesh_field(path)) {
            resource.spec.take_field(&field, &unsaid);
        }
        if !refused.is_empty() {
            resource.source = Arc::new(Source { refused: refused.into(), ..Source::clone(source) });
        }
        said.read.push(resource);
    }
}

impl MeshConfigs {
    /// Nothing can be read of what this document says.
    fn refuse(&mut self, source: &Source) {
        let meta = Metadata::new(MESH_CONFIG.0, MESH_CONFIG.1);
        let source = Source { refused: Arc::new(["".into()]), ..source.clone() }.into();
        self.refused = Some(Parts { meta, spec: MeshConfig::default(), source }.into());
    }
}

/// Istio's list of networks and their gateways, beside the mesh config: nothing is done for it.
fn networks(source: &Source, node: &Node, findings: &mut Diagnostics) {
    for document in embedded::documents(node) {
        embedded::problems(source, "data.meshNetworks", &document.problems, findings);
        let networks = document.node.get("networks").and_then(Node::entries).unwrap_or_default();
        for network in networks {
            let path = format!("data.meshNetworks.networks{}", path_key(&network.key));
            let origin = source.origin(path, network.key_mark);
            let message = "networks have no effect: endpoints of others are dialled at their own addresses";
            findings.push(Diagnostic::new(Code::NotImplemented, origin, message).level(Level::Warning));
        }
    }
}

/// The source of a mesh config in a file by itself.
fn bare(source: &Source) -> Arc<Source> {
    let resource = format!("MeshConfig {}/{}", MESH_CONFIG.0, MESH_CONFIG.1);
    Arc::new(Source { resource: resource.into(), ..source.clone() })
}

/// Whether a file of this name, without a kind, is a mesh config.
pub(super) fn is_file(file: &str) -> bool {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    matches!(name, "mesh.yaml" | "mesh.yml" | "mesh.json")
}
