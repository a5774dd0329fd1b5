//! Where a written object stands, down to each of its fields.
//!
//! A compile step that finds a bad weight wants to point at *that* number, long after the text was
//! parsed. Wrapping each value in a positioned type would burden everyone who reads or builds the
//! objects; instead each message carries one [`At`], which knows the place of the message and of
//! every field, list item and map entry that was written in it.

use std::fmt;
use std::sync::Arc;

use super::places::Places;
use super::source::path_key;
use crate::error::Origin;

/// The place of a message and of what was written in it.
///
/// Two objects that mean the same are equal wherever they stand, so `At`s are always equal. Cloning
/// is cheap. The default says "made by code".
#[derive(Clone, Default)]
pub struct At(Option<(Arc<Places>, u32)>);

impl At {
    pub(super) fn written(places: Arc<Places>, place: u32) -> Self {
        Self(Some((places, place)))
    }

    /// The place of the message itself.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match &self.0 {
            Some((places, place)) => places.source().origin(places.path(*place), places.mark(*place)),
            None => Origin::builder(""),
        }
    }

    /// The place of a field's value, by its `lowerCamelCase` name; of the message if it is not
    /// written.
    #[must_use]
    pub fn field(&self, name: &str) -> Origin {
        self.below(name, "", |_, _| None)
    }

    /// The place of an item of a list field.
    #[must_use]
    pub fn item(&self, name: &str, index: usize) -> Origin {
        self.below(name, &format!("[{index}]"), |places, field| places.item(field, index))
    }

    /// The place of a value of a map field.
    #[must_use]
    pub fn entry(&self, name: &str, key: &str) -> Origin {
        self.below(name, &path_key(key), |places, field| places.entry(field, key))
    }

    /// Whether a field was written, null excepted. Always false for what code made.
    #[must_use]
    pub fn is_written(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|(places, place)| places.field(*place, name).is_some())
    }

    /// Whether a document left out a field that has no default. Never true for what code made.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        self.0.is_some() && !self.is_written(name)
    }

    fn below(&self, name: &str, rest: &str, inside: impl Fn(&Places, u32) -> Option<u32>) -> Origin {
        let Some((places, message)) = &self.0 else {
            return Origin { path: format!("{name}{rest}").into(), ..Origin::builder("") };
        };
        let field = places.field(*message, name);
        let place = field.map_or(*message, |field| inside(places, field).unwrap_or(field));
        let mut path = places.path(*message);
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        path.push_str(rest);
        places.source().origin(path, places.mark(place))
    }
}

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for At {}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some((places, place)) => {
                let mark = places.mark(*place);
                write!(f, "{}:{}:{}", places.source().file, mark.line, mark.column)
            }
            None => f.write_str("<builder>"),
        }
    }
}
