//! A document of a stream, and what is wrong with it as YAML.

use crate::api::source::Mark;
use crate::api::tree::{Node, Plain, classify};

/// One document of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Document<'t> {
    /// Its tree. With a syntax error among the problems: what was read before it.
    pub node: Node,
    /// What is wrong with it as YAML. A document with problems must not be used, except to tell what
    /// it would have been.
    pub problems: Vec<Problem>,
    /// Its text.
    pub text: &'t str,
}

/// Something wrong with a document as YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub mark: Mark,
    /// Path of the node, as far as it is known.
    pub path: String,
    /// What.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
    /// Whether it is YAML all the same, and only means nothing to us: a key written twice, a tag, a depth.
    pub legible: bool,
    /// Whether nothing else of the document is lost than what stands at the path.
    pub alone: bool,
}

impl Document<'_> {
    /// Whether the document says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.node.plain().is_some_and(|text| classify(text) == Plain::Null)
    }
}
