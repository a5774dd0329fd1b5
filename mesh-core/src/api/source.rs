//! The document that something was read from, and places in it.

use std::sync::Arc;

use crate::error::{Group, Origin};

/// A line and column, both from 1; 0 if unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// The document that a resource was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// Whose kind it is of.
    pub group: Group,
    /// `Kind namespace/name`.
    pub resource: Arc<str>,
    /// Where the document begins.
    pub mark: Mark,
    /// Paths of what is refused of it; none for a good document.
    pub refused: Arc<[Arc<str>]>,
}

impl Source {
    /// The source of what a Rust program built without a file.
    #[must_use]
    pub fn builder(resource: &str) -> Self {
        Self { file: "<builder>".into(), resource: resource.into(), ..Self::default() }
    }

    /// Whether what stands at `path` is refused, a part of it, or what it is a part of.
    #[must_use]
    pub fn refuses(&self, path: &str) -> bool {
        self.refused.iter().any(|refused| is_below(path, refused) || is_below(refused, path))
    }

    /// The place of a node of this document.
    #[must_use]
    pub fn origin(&self, path: impl Into<Arc<str>>, mark: Mark) -> Origin {
        Origin {
            group: self.group,
            resource: self.resource.clone(),
            file: self.file.clone(),
            line: mark.line,
            column: mark.column,
            path: path.into(),
        }
    }
}

/// Whether a path leads to a node or to a part of it.
pub(crate) fn is_below(path: &str, node: &str) -> bool {
    path.strip_prefix(node)
        .is_some_and(|rest| node.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

/// How a map key stands in a path: `.app`, or `["x.y/z"]` if it is no plain word.
pub(crate) fn path_key(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(plain) { format!(".{key}") } else { format!("[{key:?}]") }
}
