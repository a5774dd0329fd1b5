//! Documents made in code.

use super::{Next, Source, Update};
use mesh_core::analysis::Diagnostics;
use mesh_core::api::Documents;

/// Documents made in code: one update, and no end. [`Mesh::apply`](crate::Mesh::apply) replaces them.
#[derive(Debug)]
pub struct CodeSource {
    documents: Option<Documents>,
}

impl CodeSource {
    /// A source of these documents.
    #[must_use]
    pub const fn new(documents: Documents) -> Self {
        Self { documents: Some(documents) }
    }
}

impl Source for CodeSource {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            match self.documents.take() {
                Some(documents) => Some(Ok(Update::documents(documents, Diagnostics::new()))),
                None => std::future::pending().await,
            }
        })
    }
}
