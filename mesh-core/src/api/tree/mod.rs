//! The tree of a document: every value and every key knows its line and column.

use super::source::Mark;

mod scalar;

pub use scalar::{Plain, classify};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub value: Value,
}

/// What a node is. Scalars keep their text: what `80` or `yes` means depends on what is expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A scalar.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// An object, in written order, without duplicates.
    Mapping(Vec<Entry>),
}

/// A scalar as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The text after unfolding and unescaping.
    pub text: String,
    /// How it was written.
    pub style: Style,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: may be a number, a boolean or null.
    Plain,
    /// In quotes, or tagged `!!str`: text.
    Quoted,
    /// After `|`: text. Its lines stand in the file as they are.
    Literal,
    /// After `>`: text.
    Folded,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key stands.
    pub key_mark: Mark,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Whether it is null: `null`, `~` or nothing at all.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.plain().is_some_and(|text| matches!(text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value of a key, if this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries, if this is an object.
    #[must_use]
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            Value::Scalar(_) | Value::Sequence(_) => None,
        }
    }

    /// The scalar's text, whatever its style.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The text of an unquoted scalar.
    #[must_use]
    pub fn plain(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar { text, style: Style::Plain }) => Some(text),
            Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// What a message calls it: `the number 80`, `a list`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Sequence(_) => "a list".into(),
            Value::Mapping(_) => "an object".into(),
            Value::Scalar(Scalar { text, style: Style::Plain }) => match classify(text) {
                Plain::Null => "nothing".into(),
                Plain::Bool(value) => format!("the boolean {value}"),
                Plain::Int(_) | Plain::Float(_) => {
                    format!("the number {}", shorten(text))
                }
                Plain::Text => format!("the text {}", shorten(text)),
            },
            Value::Scalar(Scalar { text, .. }) => format!("the text {:?}", shorten(text)),
        }
    }
}

/// Bytes that a copy takes, and nesting depth.
pub(crate) fn measure(node: &Node) -> (usize, usize) {
    let own = size_of::<Node>();
    match &node.value {
        Value::Scalar(scalar) => (own + scalar.text.len(), 0),
        Value::Sequence(items) => {
            items.iter().map(measure).fold((own, 1), |(size, depth), (s, d)| (size + s, depth.max(d + 1)))
        }
        Value::Mapping(entries) => entries.iter().fold((own, 1), |(size, depth), entry| {
            let (s, d) = measure(&entry.value);
            (size + s + entry.key.len() + size_of::<Entry>() - own, depth.max(d + 1))
        }),
    }
}

fn shorten(text: &str) -> String {
    const LIMIT: usize = 60;
    if text.chars().count() <= LIMIT {
        text.to_owned()
    } else {
        text.chars().take(LIMIT).chain("…".chars()).collect()
    }
}
