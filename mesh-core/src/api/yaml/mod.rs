//! Text to trees with positions (Y-1, Y-10).
//!
//! The scanner is saphyr's; the tree is ours, because the decoder needs three things that no YAML
//! library gives at once: the place of every key and value, scalars whose meaning is left open until
//! the expected type is known, and recovery, so that one broken document does not take the rest of
//! its file along.

mod node;
mod scalar;

pub use node::{Entry, Node, Scalar, Style, Value};
pub use scalar::{Plain, classify};
