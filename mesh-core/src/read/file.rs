//! One file, read.
//!
//! A text is read once. [`Documents::of_files`] joins files and settles what needs several of them: a name that is written
//! twice, two mesh configs. After a change in one file it decodes no other.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::api::Strictness;
use crate::api::documents::{Documents, FileText};
use crate::api::istio::MeshConfig;
use crate::api::resource::Resource;
use crate::api::source::Source;
use crate::diagnostic::Diagnostics;

/// One file, read: its resources, refused ones included, and the findings about them.
///
/// It depends on nothing but the name, the text and the strictness that [`File::read`] was given.
pub struct File {
    pub(super) name: Arc<str>,
    pub(super) strictness: Strictness,
    pub(super) text: Arc<FileText>,
    /// All but the mesh config.
    pub(super) documents: Documents,
    /// The resources that have a name, each once.
    pub(super) names: Vec<Name>,
    pub(super) mesh_configs: Vec<MeshConfigs>,
    pub(super) findings: Diagnostics,
}

impl File {
    /// The name, as the user knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text that was read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text.text
    }

    /// How strictly it was read.
    #[must_use]
    pub const fn strictness(&self) -> Strictness {
        self.strictness
    }
}

impl fmt::Debug for File {
    /// The name alone: there are secrets in the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Group, kind, namespace and name of a resource, of which there may be one.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) group: &'static str,
    pub(super) source: Arc<Source>,
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group && self.source.resource == other.source.resource
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The text has the kind, which nearly always differs where the group does.
        self.source.resource.hash(state);
    }
}

/// The mesh configs in one document (MC-1).
#[derive(Debug)]
pub(super) struct MeshConfigs {
    /// The document. It is a ConfigMap, which counts only where it is written first, or a file of its own.
    pub(super) document: Arc<Source>,
    pub(super) is_bare: bool,
    /// One for each YAML document in the text.
    pub(super) read: Vec<Resource<MeshConfig>>,
    /// Set if one of them could not be read.
    pub(super) refused: Option<Resource<MeshConfig>>,
    pub(super) findings: Diagnostics,
}

impl MeshConfigs {
    pub(super) fn new(document: &Arc<Source>, is_bare: bool) -> Self {
        let document = Arc::clone(document);
        Self { document, is_bare, read: Vec::new(), refused: None, findings: Diagnostics::new() }
    }
}
