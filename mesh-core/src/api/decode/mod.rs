//! From tree nodes to typed objects, with every mistake reported at its place.
//!
//! A decoder never stops at the first mistake: a field that cannot be read is reported and left at
//! its default, and the caller drops the document because something was reported. So one run shows
//! all that is wrong with it.

mod guess;
mod scalars;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::at::At;
use super::places::PlacesBuilder;
use super::schema::{EnumValue, Field, Form, Shape, Status, Table};
use super::source::{Mark, Source, path_key};
pub use super::strictness::Strictness;
use super::tree::{Entry, Node, Plain, Value, classify};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
use crate::error::Group;
use crate::nearest::nearest;

/// A type that can be read from a tree node.
pub trait Decode: Sized {
    /// What its values look like.
    const SHAPE: Shape;

    /// Reads a node that is not null. On failure the reason has been reported to `decoder`.
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self>;
}

/// Reads typed objects out of the tree of one document.
#[derive(Debug)]
pub struct Decoder<'d> {
    source: Arc<Source>,
    strictness: Strictness,
    form: Form,
    path: String,
    /// The messages around the present node, each with the length of its path.
    around: Vec<(usize, &'static Table)>,
    /// Where what was decoded of the present tree stands.
    places: Option<PlacesBuilder>,
    diagnostics: &'d mut Diagnostics,
    errors: usize,
}

/// The nodes of a message's fields, in table order.
#[derive(Debug)]
pub struct Fields<'n> {
    table: &'static Table,
    nodes: Vec<Option<&'n Node>>,
    next: usize,
}

impl<'d> Decoder<'d> {
    /// A decoder whose paths begin with `path` (such as `spec`).
    pub fn new(
        source: Arc<Source>,
        path: &str,
        strictness: Strictness,
        diagnostics: &'d mut Diagnostics,
    ) -> Self {
        let (path, around) = (path.to_owned(), Vec::new());
        Self { source, strictness, form: Form::Proto, path, around, places: None, diagnostics, errors: 0 }
    }

    /// The same for a kind of that form.
    pub(crate) fn form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// How many errors were reported.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Reports an error about the node at the present path.
    pub fn error(&mut self, mark: Mark, message: impl Into<String>) {
        self.report(Code::SchemaValidationError, Level::Error, mark, message.into(), None);
    }

    /// Reports an error with a hint.
    pub fn error_hint(&mut self, mark: Mark, message: impl Into<String>, hint: impl Into<String>) {
        self.report(Code::SchemaValidationError, Level::Error, mark, message.into(), Some(hint.into()));
    }

    fn report(&mut self, code: Code, level: Level, mark: Mark, message: String, hint: Option<String>) {
        self.errors += usize::from(level == Level::Error);
        let origin = self.source.origin(self.path.as_str(), mark);
        self.diagnostics.push(Diagnostic { hint, ..Diagnostic::new(code, origin, message).level(level) });
    }

    /// Runs `f` with the path made longer.
    fn below<T>(&mut self, segment: &str, f: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        let segment = if length == 0 { segment.strip_prefix('.').unwrap_or(segment) } else { segment };
        self.path.push_str(segment);
        let result = f(self);
        self.path.truncate(length);
        result
    }

    /// Sorts the entries of an object by the table's fields and reports what does not fit.
    pub(crate) fn begin<'n>(&mut self, node: &'n Node, table: &'static Table) -> Option<(At, Fields<'n>)> {
        let Some(entries) = node.entries() else {
            let message = format!("must be an object, not {}", node.describe());
            let hint = guess::object(&self.path, node, table);
            self.report(Code::SchemaValidationError, Level::Error, node.mark, message, hint);
            return None;
        };
        let mut nodes: Vec<Option<&Node>> = vec![None; table.fields.len()];
        let mut spelled: Vec<Option<&str>> = vec![None; table.fields.len()];
        let mut oneofs: BTreeMap<&str, &str> = BTreeMap::new();
        let mut written = Vec::with_capacity(entries.len());
        let mut owners = None;
        for entry in entries {
            let Some(index) = table.fields.iter().position(|field| field.is_named(&entry.key, self.form))
            else {
                if !table.open {
                    let owners = owners.get_or_insert_with(|| guess::owners(entries, table));
                    self.unknown_field(entry, owners, table);
                }
                continue;
            };
            let field = &table.fields[index];
            if let Some(other) = spelled[index] {
                let message = format!("the same field as `{other}`");
                self.below(&path_key(&entry.key), |d| d.error(entry.key_mark, message));
                continue;
            }
            spelled[index] = Some(&entry.key);
            if entry.value.is_null() {
                continue;
            }
            let name = field.json_name();
            if let Some(group) = field.oneof {
                if let Some(other) = oneofs.get(group) {
                    let message = format!("excludes `{other}`: only one of them may be set");
                    self.below(&path_key(name), |d| d.error(entry.key_mark, message));
                    continue;
                }
                oneofs.insert(group, name);
            }
            written.push((index, &entry.value));
            if self.is_usable(field, name, entry) {
                nodes[index] = Some(&entry.value);
            }
        }
        let (source, path) = (&self.source, &self.path);
        let places = self.places.get_or_insert_with(|| PlacesBuilder::new(source.clone(), path, table, node));
        let (places, place) = places.begin(node, table, &written);
        Some((At::written(places, place), Fields { table, nodes, next: 0 }))
    }

    /// A message is decoded: every field of its table was offered a place to go.
    pub(crate) fn finish(&mut self, fields: &Fields<'_>) {
        debug_assert_eq!(fields.next, fields.table.fields.len(), "{}", fields.table.name);
        if self.places.as_mut().is_some_and(PlacesBuilder::end) {
            self.places = None;
        }
    }

    fn unknown_field(&mut self, entry: &Entry, owners: &[&'static Field], table: &Table) {
        let names: Vec<String> = table
            .fields
            .iter()
            .map(|field| match self.form {
                Form::Proto if entry.key.contains('_') => field.proto_name().into(),
                Form::Proto | Form::Json => field.json_name().into(),
            })
            .collect();
        let near = || nearest(&entry.key, names.iter().map(String::as_str));
        let hint = guess::written_below(&entry.key, owners)
            .or_else(|| near().map(|name| format!("did you mean `{name}`?")))
            .or_else(|| guess::further_out(&entry.key, &self.path, &self.around))
            .or_else(|| guess::below(&entry.key, table))
            .or_else(|| some_names(&names));
        let (code, level) = if self.strictness == Strictness::Lenient {
            (Code::SchemaWarning, Level::Warning)
        } else {
            (Code::SchemaValidationError, Level::Error)
        };
        let message = format!("unknown field `{}`", entry.key);
        self.below(&path_key(&entry.key), |d| d.report(code, level, entry.key_mark, message, hint));
    }

    fn is_usable(&mut self, field: &Field, name: &str, entry: &Entry) -> bool {
        match field.status {
            Status::Supported => true,
            // Read all the same: what could never be a value of it is a mistake.
            Status::Inert => {
                if let Some(note) = field.note.filter(|note| !note.is_met_by(&entry.value))
                    && let Some(level) = note.level
                {
                    self.below(&path_key(name), |d| {
                        let message = format!("`{name}` has no effect: {}", note.why);
                        d.report(note.code, level, entry.key_mark, message, note.hint.map(str::to_owned));
                    });
                }
                true
            }
            Status::Deprecated => {
                self.below(&path_key(name), |d| {
                    let message = format!("`{name}` is deprecated");
                    d.report(Code::Deprecated, Level::Warning, entry.key_mark, message, None);
                });
                true
            }
            // An empty list says the same as no list.
            Status::Refused
                if matches!(field.shape, Shape::List(_))
                    && matches!(&entry.value.value, Value::Sequence(items) if items.is_empty()) =>
            {
                false
            }
            // Of Istio's kinds it is read, so that what is wrong with it is told too: what it says is refused, and
            // nothing that is compiled asks for it.
            Status::Refused => self.below(&path_key(name), |d| {
                let read = d.strictness == Strictness::Strict && d.source.group == Group::Istio;
                d.not_implemented(entry.key_mark, format!("`{name}` is not implemented")) || read
            }),
        }
    }

    /// Reports a known and unimplemented thing; says whether to read it all the same.
    pub(crate) fn not_implemented(&mut self, mark: Mark, message: String) -> bool {
        let Some(level) = self.strictness.not_implemented() else { return true };
        self.report(Code::NotImplemented, level, mark, message, None);
        false
    }

    /// Reads the next field of the table into `value`.
    pub(crate) fn field<T: Decode>(&mut self, fields: &mut Fields<'_>, value: &mut T) {
        let index = fields.next;
        fields.next += 1;
        let Some(node) = fields.nodes[index] else { return };
        let name = path_key(fields.table.fields[index].json_name());
        self.around.push((self.path.len(), fields.table));
        if let Some(decoded) = self.below(&name, |d| T::decode(node, d)) {
            *value = decoded;
        }
        self.around.pop();
    }

    /// Finds a written enum value (Y-7).
    pub(crate) fn enumeration(&mut self, node: &Node, values: &[EnumValue]) -> Option<usize> {
        let plain = node.plain().filter(|_| self.form == Form::Proto);
        let number = plain.and_then(|text| match classify(text) {
            Plain::Int(number) => Some(number),
            Plain::Float(_) | Plain::Bool(_) | Plain::Null | Plain::Text => None,
        });
        let text = node.text().unwrap_or_default();
        let found = match number {
            Some(number) => values.iter().position(|value| i128::from(value.number) == number),
            None => values.iter().position(|value| value.name == text),
        };
        let Some(index) = found else {
            let names: Vec<String> = values.iter().map(|value| value.name.to_owned()).collect();
            let hint = nearest(text, names.iter().map(String::as_str))
                .map(|name| format!("did you mean `{name}`?"))
                .or_else(|| some_names(&names));
            let message = format!("{} is not one of the values allowed here", node.describe());
            self.report(Code::SchemaValidationError, Level::Error, node.mark, message, hint);
            return None;
        };
        let value = &values[index];
        if value.status == Status::Refused
            && !self.not_implemented(node.mark, format!("the value {} is not implemented", value.name))
        {
            return None;
        }
        Some(index)
    }
}

fn some_names(names: &[String]) -> Option<String> {
    const SHOWN: usize = 12;
    let (last, rest) = names.split_last()?;
    if names.len() > SHOWN {
        return None;
    }
    let mut text = String::from("known here: ");
    for name in rest {
        let _ = write!(text, "`{name}`, ");
    }
    let _ = write!(text, "`{last}`");
    Some(text)
}
