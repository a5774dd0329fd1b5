//! How far paths are normalised (AZ-15, MC-2): as the plan in force says, or as a program does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use mesh_core::route::normalize::PathNormalization;

const LEVELS: [PathNormalization; 4] = [
    PathNormalization::None,
    PathNormalization::Base,
    PathNormalization::MergeSlashes,
    PathNormalization::DecodeAndMergeSlashes,
];

/// The level in force; clones are the same one, which a reload may change.
#[derive(Clone, Debug)]
pub(crate) struct Paths(Arc<AtomicU8>);

impl Paths {
    pub(crate) fn new(level: PathNormalization) -> Self {
        let paths = Self(Arc::default());
        paths.set(level);
        paths
    }

    pub(crate) fn set(&self, level: PathNormalization) {
        let index = LEVELS.iter().position(|known| *known == level).unwrap_or_default();
        // Relaxed: a setting by itself, which orders nothing.
        self.0.store(u8::try_from(index).unwrap_or_default(), Ordering::Relaxed);
    }

    pub(super) fn level(&self) -> PathNormalization {
        LEVELS[usize::from(self.0.load(Ordering::Relaxed))]
    }
}
