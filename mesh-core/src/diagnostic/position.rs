//! Where a piece of the plan comes from, and what was wrong with it.
//!
//! Every node that can decide something keeps its [`Origin`], so that a decision can be explained
//! and a mistake can be found: `reviews.yaml:14:19 VirtualService default/reviews spec.http[2]`.

use std::fmt;
use std::sync::Arc;

/// The place in the written configuration that a node was made from.
///
/// Cloning shares the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whose kind the resource is of, because two may have a kind of one name.
    pub group: Group,
    /// `Kind namespace/name`; empty for what no document declares.
    pub resource: Arc<str>,
    /// The file as the user named it, or `<builder>` for code.
    pub file: Arc<str>,
    /// Line, from 1; 0 if unknown.
    pub line: u32,
    /// Column, from 1; 0 if unknown.
    pub column: u32,
    /// JSON path inside the document, such as `spec.http[0].route[1].weight`.
    pub path: Arc<str>,
}

/// Whose kind a resource is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Of Kubernetes itself, or of a group that is not known here.
    #[default]
    Other,
    /// Of Istio.
    Istio,
    /// Of the Gateway API.
    GatewayApi,
}

impl Group {
    /// By the group that an `apiVersion` names.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "gateway.networking.k8s.io" => Self::GatewayApi,
            name if name.ends_with(".istio.io") => Self::Istio,
            _ => Self::Other,
        }
    }
}

/// The key of a resource among all others: its group, and `Kind namespace/name`.
pub(crate) type Identity<'a> = (Group, &'a str);

impl Origin {
    pub(crate) fn identity(&self) -> Identity<'_> {
        (self.group, &self.resource)
    }

    /// The origin of what a Rust program built without a file.
    #[must_use]
    pub fn builder(resource: &str) -> Self {
        Self { resource: resource.into(), file: "<builder>".into(), ..Self::default() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.resource.is_empty() {
            write!(f, " {}", self.resource)?;
        }
        if !self.path.is_empty() {
            write!(f, " {}", self.path)?;
        }
        Ok(())
    }
}

/// A value that a policy refuses, and where it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {reason}")]
pub struct Error {
    /// Where it was written.
    pub origin: Box<Origin>,
    /// The mistake and its correction.
    pub reason: String,
}

impl Error {
    /// Makes an error about the node at `origin`.
    #[must_use]
    pub fn new(origin: &Origin, reason: impl Into<String>) -> Self {
        Self { origin: Box::new(origin.clone()), reason: reason.into() }
    }
}
