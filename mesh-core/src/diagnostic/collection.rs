//! The findings of one run.

use std::fmt;

use serde_json::Value;

use super::{Diagnostic, Level};

/// The findings of one run, in the order found until [`Diagnostics::sort`]ed.
///
/// `Display` prints one line each (AN-1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// No findings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all findings of another collection.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Sorts by level, code, then place (AN-1), and drops repetitions.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| {
            let key = |one: &Diagnostic| (one.level, one.code.as_str());
            let place = |one: &Diagnostic| (one.origin.line, one.origin.column);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.origin.file.cmp(&b.origin.file))
                .then_with(|| place(a).cmp(&place(b)))
                .then_with(|| a.message.cmp(&b.message))
        });
        self.0.dedup();
    }

    /// The findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// The findings as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.0
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// The first finding that forbids the configuration as a whole, if there is one: start-up must
    /// fail with it, a reload must keep what is in force.
    #[must_use]
    pub fn fail_closed(&self) -> Option<&Diagnostic> {
        self.0.iter().find(|diagnostic| diagnostic.fail_closed)
    }

    /// The worst level among the findings.
    #[must_use]
    pub fn worst(&self) -> Option<Level> {
        self.0.iter().map(|diagnostic| diagnostic.level).min()
    }

    /// Changes every finding.
    pub(crate) fn each(&mut self, change: impl FnMut(&mut Diagnostic)) {
        self.0.iter_mut().for_each(change);
    }

    /// Keeps the findings that `keep` says yes to.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.0.retain(keep);
    }

    /// The JSON form: a list of objects (AN-1).
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.0.iter().map(Diagnostic::to_json).collect()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.0 {
            writeln!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        self.0.extend(diagnostics);
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        Self(diagnostics.into_iter().collect())
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
