//! What one document may cost (Y-10).

use std::fmt;

/// Deepest nesting.
pub(super) const MAX_DEPTH: usize = 256;
/// Most bytes that aliases of one document may add.
pub(super) const MAX_EXPANSION: usize = 10 * 1024 * 1024;
/// Most bytes that may be read anew, those of aliases among them, because of lines that begin further left than
/// the scanner likes.
pub(super) const MAX_RESCANNED: usize = 16 * 1024 * 1024;

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Depth,
    Expansion,
    OwnAnchor,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth => write!(f, "nested deeper than {MAX_DEPTH} levels"),
            Self::Expansion => write!(f, "aliases expand to more than {} MiB", MAX_EXPANSION / 1024 / 1024),
            Self::OwnAnchor => f.write_str("an alias must not stand inside of its own anchor"),
        }
    }
}
