//! The way in: from files to documents.

use std::collections::BTreeMap;

use super::reader::Reader;
use crate::api::Strictness;
use crate::api::documents::{Documents, Files};
use crate::diagnostic::Diagnostics;

impl Documents {
    /// Reads files, each a name (as the user knows it) and its text.
    ///
    /// What is wrong is reported and left out; everything else is returned (Y-12). The caller decides
    /// whether errors are bearable, except that a finding marked `fail_closed` never is.
    pub fn parse<N, T>(files: impl IntoIterator<Item = (N, T)>) -> (Self, Diagnostics)
    where
        N: AsRef<str>,
        T: AsRef<str>,
    {
        Self::parse_with(files, Strictness::Strict)
    }

    /// [`Documents::parse`] with another strictness about unknown and unimplemented fields (Y-9).
    pub fn parse_with<N, T>(
        files: impl IntoIterator<Item = (N, T)>,
        strictness: Strictness,
    ) -> (Self, Diagnostics)
    where
        N: AsRef<str>,
        T: AsRef<str>,
    {
        let mut files: Vec<(N, T)> = files.into_iter().collect();
        files.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
        let (mut documents, mut diagnostics) = (Self::default(), Diagnostics::new());
        let mut read = BTreeMap::new();
        let mut reader = Reader::new(strictness, &mut documents, &mut diagnostics);
        for (name, text) in &files {
            read.insert(name.as_ref().into(), reader.file(name.as_ref(), text.as_ref()));
        }
        documents.files = Files(read);
        documents.sort();
        diagnostics.sort();
        (documents, diagnostics)
    }
}
