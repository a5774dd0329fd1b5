//! Hints for unknown names: the nearest known name.
//!
//! A comparison with all known names costs time, and a broken mesh has many unknown names: so only the first few get
//! a hint.

use crate::nearest::nearest;

/// How many unknown names are compared with the known ones.
const COMPARED: usize = 16;

/// How many hints were asked for.
#[derive(Debug, Default)]
pub(crate) struct Hints(usize);

impl Hints {
    /// How many were asked for, given or not.
    pub(crate) const fn asked(&self) -> usize {
        self.0
    }

    /// The known name that `name` looks like; `None` once enough were asked for.
    pub(crate) fn nearest<'k>(
        &mut self,
        name: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<&'k str> {
        self.0 += 1;
        if self.0 > COMPARED {
            return None;
        }
        nearest(name, known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_few_unknown_names_are_compared() {
        let mut hints = Hints::default();
        let helped = (0..100).filter(|_| hints.nearest("revews", ["reviews"]).is_some()).count();
        assert_eq!(helped, 16);
    }
}
