//! The way in: from files to documents.

use super::file::File;
use super::join::join;
use super::reader::Reader;
use crate::api::Strictness;
use crate::api::documents::Documents;
use crate::diagnostic::Diagnostics;

impl File {
    /// Reads a file of this name (as the user knows it) and text.
    ///
    /// Invalid parts are findings and left out; everything else is there (Y-12).
    ///
    /// ```
    /// use mesh_core::api::{Documents, Strictness};
    /// use mesh_core::read::File;
    ///
    /// let read = |name: &str, text: &str| File::read(name, text, Strictness::Strict);
    /// let node = |name| format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n");
    /// let mut files = [read("a.yaml", &node("a")), read("b.yaml", &node("b"))];
    /// let (before, _) = Documents::of_files(&files);
    /// files[1] = read("b.yaml", &node("c"));
    /// let (after, _) = Documents::of_files(&files);
    /// // The unchanged file was not decoded again.
    /// assert!(after.nodes[0].is_same(&before.nodes[0]) && !after.nodes[1].is_same(&before.nodes[1]));
    /// ```
    #[must_use]
    pub fn read(name: &str, text: &str, strictness: Strictness) -> Self {
        Reader::read(name, text, strictness)
    }
}

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
        let files =
            files.into_iter().map(|(name, text)| File::read(name.as_ref(), text.as_ref(), strictness));
        Self::of_files(&files.collect::<Vec<_>>())
    }

    /// Joins files, as [`Documents::parse`] does with texts. The resources are shared with the files; nothing is decoded.
    pub fn of_files<'f>(files: impl IntoIterator<Item = &'f File>) -> (Self, Diagnostics) {
        let mut files: Vec<&File> = files.into_iter().collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        join(&files)
    }
}
