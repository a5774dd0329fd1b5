//! How strictly a document is read.

use crate::diagnostic::Level;

/// The treatment of unknown fields, and of fields that we do not implement (Y-9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// They are errors.
    #[default]
    Strict,
    /// They are warnings and are ignored, as Istio's running proxies do.
    Lenient,
    /// Unimplemented fields are read as if they were implemented.
    #[cfg(test)]
    EverythingImplemented,
}

impl Strictness {
    /// How bad it is that something is not implemented; `None` if it is to be taken as if it were.
    pub(crate) const fn not_implemented(self) -> Option<Level> {
        match self {
            Self::Strict => Some(Level::Error),
            Self::Lenient => Some(Level::Warning),
            #[cfg(test)]
            Self::EverythingImplemented => None,
        }
    }
}
