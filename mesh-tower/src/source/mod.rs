//! Where the configuration comes from.

#[cfg(feature = "file")]
pub(crate) mod folder;
