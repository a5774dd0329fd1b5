//! Where a written object stands, down to each of its fields.
//!
//! A compile step that finds a bad weight wants to point at *that* number, long after the text was
//! parsed. Wrapping each value in a positioned type would burden everyone who reads or builds the
//! objects; instead each message carries one [`At`], which knows the place of the message and of
//! every field, list item and map entry that was written in it.

use std::fmt;
use std::sync::Arc;

use crate::error::{Group, Origin};

/// A line and column, both from 1; 0 if unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// The document that a resource was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// Whose kind it is of.
    pub group: Group,
    /// `Kind namespace/name`.
    pub resource: Arc<str>,
    /// Where the document begins.
    pub mark: Mark,
    /// Paths of what is refused of it; none for a good document.
    pub refused: Arc<[Arc<str>]>,
}

impl Source {
    /// The source of what a Rust program built without a file.
    #[must_use]
    pub fn builder(resource: &str) -> Self {
        Self { file: "<builder>".into(), resource: resource.into(), ..Self::default() }
    }

    /// Whether what stands at `path` is refused, a part of it, or what it is a part of.
    #[must_use]
    pub fn refuses(&self, path: &str) -> bool {
        self.refused.iter().any(|refused| is_below(path, refused) || is_below(refused, path))
    }

    /// The place of a node of this document.
    #[must_use]
    pub fn origin(&self, path: impl Into<Arc<str>>, mark: Mark) -> Origin {
        Origin {
            group: self.group,
            resource: self.resource.clone(),
            file: self.file.clone(),
            line: mark.line,
            column: mark.column,
            path: path.into(),
        }
    }
}

/// The place of a message and of what was written in it.
///
/// Two objects that mean the same are equal wherever they stand, so `At`s are always equal. Cloning
/// is cheap. The default says "made by code".
#[derive(Clone, Default)]
pub struct At(Option<Arc<Written>>);

pub(crate) struct Written {
    pub(crate) source: Arc<Source>,
    pub(crate) path: Box<str>,
    pub(crate) mark: Mark,
    pub(crate) fields: Box<[WrittenField]>,
}

pub(crate) struct WrittenField {
    /// The `lowerCamelCase` name, whichever spelling was written.
    pub(crate) name: Box<str>,
    pub(crate) mark: Mark,
    pub(crate) items: Items,
}

pub(crate) enum Items {
    None,
    List(Box<[Mark]>),
    Map(Box<[(Box<str>, Mark)]>),
}

impl At {
    pub(crate) fn written(written: Written) -> Self {
        Self(Some(Arc::new(written)))
    }

    /// The place of the message itself.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match &self.0 {
            Some(written) => written.source.origin(written.path.as_ref(), written.mark),
            None => Origin::builder(""),
        }
    }

    /// The place of a field's value, by its `lowerCamelCase` name; of the message if it is not
    /// written.
    #[must_use]
    pub fn field(&self, name: &str) -> Origin {
        self.below(name, "", |_| None)
    }

    /// The place of an item of a list field.
    #[must_use]
    pub fn item(&self, name: &str, index: usize) -> Origin {
        self.below(name, &format!("[{index}]"), |items| match items {
            Items::List(marks) => marks.get(index).copied(),
            Items::None | Items::Map(_) => None,
        })
    }

    /// The place of a value of a map field.
    #[must_use]
    pub fn entry(&self, name: &str, key: &str) -> Origin {
        self.below(name, &path_key(key), |items| match items {
            Items::Map(marks) => marks.iter().find(|(k, _)| **k == *key).map(|(_, mark)| *mark),
            Items::None | Items::List(_) => None,
        })
    }

    /// Whether a field was written, null excepted. Always false for what code made.
    #[must_use]
    pub fn is_written(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|written| written.fields.iter().any(|field| *field.name == *name))
    }

    /// Whether a document left out a field that has no default. Never true for what code made.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        self.0.is_some() && !self.is_written(name)
    }

    fn below(&self, name: &str, rest: &str, mark: impl Fn(&Items) -> Option<Mark>) -> Origin {
        let Some(written) = &self.0 else {
            return Origin { path: format!("{name}{rest}").into(), ..Origin::builder("") };
        };
        let field = written.fields.iter().find(|field| *field.name == *name);
        let mark = field.map_or(written.mark, |field| mark(&field.items).unwrap_or(field.mark));
        let path = match &*written.path {
            "" => format!("{name}{rest}"),
            path => format!("{path}.{name}{rest}"),
        };
        written.source.origin(path, mark)
    }
}

/// Whether a path leads to a node or to a part of it.
pub(crate) fn is_below(path: &str, node: &str) -> bool {
    path.strip_prefix(node)
        .is_some_and(|rest| node.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

/// How a map key stands in a path: `.app`, or `["x.y/z"]` if it is no plain word.
pub(crate) fn path_key(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(plain) { format!(".{key}") } else { format!("[{key:?}]") }
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
            Some(written) => {
                write!(f, "{}:{}:{}", written.source.file, written.mark.line, written.mark.column)
            }
            None => f.write_str("<builder>"),
        }
    }
}
