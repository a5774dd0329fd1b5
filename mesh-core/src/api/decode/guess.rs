//! What was probably meant by a value of the wrong form, and by a field that stands in the wrong place.

use crate::api::schema::{Field, Form, Shape, Status, Table};
use crate::api::tree::{Entry, Node, Plain, Style, Value, classify};

/// A message with more fields is not meant by one value.
const MOST_FIELDS: usize = 8;

/// How to write a lone value where a message is due: `retries: 3` is `retries: {attempts: 3}`.
pub(super) fn object(path: &str, node: &Node, table: &Table) -> Option<String> {
    let Value::Scalar(scalar) = &node.value else { return None };
    let name = path.rsplit('.').next().filter(|name| !name.is_empty() && !name.ends_with(']'))?;
    if table.open || table.fields.len() > MOST_FIELDS {
        return None;
    }
    let text = scalar.text.strip_suffix('%').unwrap_or(&scalar.text);
    let plain = if scalar.style == Style::Plain { classify(text) } else { Plain::Text };
    let taken = |field: &&Field| field.status == Status::Supported && takes(&field.shape, text, &plain);
    let mut fields = table.fields.iter().filter(taken);
    let first = fields.next()?;
    let is_text = matches!(first.shape, Shape::Scalar("string"));
    let quoted = scalar.style != Style::Plain || text.contains(['{', '}', '[', ']', ',', '#']);
    let value = if quoted || (is_text && plain != Plain::Text) { format!("{text:?}") } else { text.into() };
    let mut hint = format!("write `{name}: {{{}: {value}}}`", first.json_name());
    let group = first.oneof.is_some();
    let others: Vec<String> = fields
        .filter(|field| group && field.oneof == first.oneof)
        .map(|field| format!("`{}`", field.json_name()))
        .collect();
    if !others.is_empty() {
        hint.push_str(&format!(", or {} for `{}`", others.join(" or "), first.json_name()));
    }
    Some(hint)
}

/// Whether a field of this shape could hold the value.
fn takes(shape: &Shape, text: &str, plain: &Plain) -> bool {
    match shape {
        Shape::Scalar("string") => true,
        Shape::Scalar("bool") => matches!(plain, Plain::Bool(_)),
        Shape::Scalar("double") => matches!(plain, Plain::Int(_) | Plain::Float(_)),
        Shape::Scalar("Duration") => crate::api::duration::parse(text).is_ok(),
        Shape::Scalar("int32" | "int64" | "uint32" | "uint64" | "int or string") => {
            matches!(plain, Plain::Int(_))
        }
        Shape::Enum(values) => values.iter().any(|value| value.name == text),
        Shape::Scalar(_) | Shape::Message(_) | Shape::List(_) | Shape::Map(_) => false,
    }
}

/// The fields of an object that are written and may have fields themselves, those without a value first: it is
/// surely theirs that stands elsewhere.
pub(super) fn owners(entries: &[Entry], table: &'static Table) -> Vec<&'static Field> {
    let owner = |entry: &Entry| {
        let named = table.fields.iter().find(|field| field.is_named(&entry.key, Form::Proto))?;
        fields_of(named).is_some().then_some(named)
    };
    let empty = entries.iter().filter(|entry| entry.value.is_null());
    empty.chain(entries.iter().filter(|entry| !entry.value.is_null())).filter_map(owner).collect()
}

/// A field that stands beside the one it belongs to: indented too little.
pub(super) fn written_below(key: &str, owners: &[&'static Field]) -> Option<String> {
    owners.iter().find(|field| has(field, key)).map(|owner| indent(key, owner))
}

/// A field of one that is not written.
pub(super) fn below(key: &str, table: &Table) -> Option<String> {
    let mut owners = table.fields.iter().filter(|field| has(field, key));
    let owner = owners.next()?;
    owners.next().is_none().then(|| indent(key, owner))
}

fn indent(key: &str, owner: &Field) -> String {
    format!("`{key}` is a field of `{}`: indent it below that", owner.json_name())
}

/// A field of a message around this one: indented too much.
pub(super) fn further_out(key: &str, path: &str, around: &[(usize, &'static Table)]) -> Option<String> {
    let named = |table: &Table| table.fields.iter().any(|field| field.is_named(key, Form::Proto));
    let (length, _) = around.iter().rev().find(|(_, table)| named(table))?;
    let owner = path.get(..*length).filter(|owner| !owner.is_empty())?;
    Some(format!("`{key}` is a field of `{owner}`: indent it less"))
}

fn has(field: &Field, key: &str) -> bool {
    let named = |table: &Table| table.fields.iter().any(|field| field.is_named(key, Form::Proto));
    fields_of(field).is_some_and(named)
}

/// The fields of what a field holds, if it holds objects.
fn fields_of(field: &Field) -> Option<&'static Table> {
    match &field.shape {
        Shape::Message(table) | Shape::List(Shape::Message(table)) => Some(table),
        Shape::Scalar(_) | Shape::Enum(_) | Shape::List(_) | Shape::Map(_) => None,
    }
}
