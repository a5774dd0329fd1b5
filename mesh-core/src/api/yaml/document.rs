//! A document of a stream, and what is wrong with it as YAML.

use super::build::MAX_DEPTH;
use super::node::Node;
use super::{Plain, classify};
use crate::api::at::Mark;

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
}

impl Document<'_> {
    /// Whether the document says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.node.plain().is_some_and(|text| classify(text) == Plain::Null)
    }
}

/// The scanner's words, with a hint for the mistakes that everybody makes.
pub(super) fn explain(info: &str) -> (String, Option<String>) {
    if info.contains("recursion limit") {
        return (format!("nested deeper than {MAX_DEPTH} levels"), None);
    }
    let hint = if info.contains("tab") {
        Some("indent with spaces")
    } else if info.contains("mapping values are not allowed") {
        Some("check the indentation, or put text that contains `: ` in quotes")
    } else if info.contains("simple key expected") || info.contains("could not find expected ':'") {
        Some("a key is followed by `: ` and its value")
    } else if info.contains("illegal placement of ':'") || info.contains("did not find expected ',' or") {
        Some("a `[`, `{` or quote before this may not be closed")
    } else if info.contains("unknown anchor") {
        Some("an anchor `&name` must come before its alias `*name`, in the same document")
    } else {
        None
    };
    (format!("not valid YAML: {info}"), hint.map(str::to_owned))
}
