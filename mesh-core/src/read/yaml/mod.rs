//! Text to trees with positions (Y-1, Y-10).
//!
//! The scanner is saphyr's; the tree is ours, because the decoder needs three things that no YAML
//! library gives at once: the place of every key and value, scalars whose meaning is left open until
//! the expected type is known, and recovery, so that one broken document does not take the rest of
//! its file along.
//!
//! A file is cut at its `---` lines first (no YAML scalar can contain one in the first column) and
//! each piece is scanned by itself. JSON is read by the same way: it is YAML.

mod bounds;
mod build;
mod document;
mod explain;
mod indent;
mod merge;
mod split;

pub use build::{parse, parse_at};
pub use document::{Document, Problem};

pub use crate::api::tree::{Entry, Node, Plain, Scalar, Style, Value, classify};

#[cfg(test)]
mod tests;
