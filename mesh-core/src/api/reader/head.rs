//! What a document says it is, before it is decoded.

use crate::api::kinds;
use crate::api::yaml::{Node, Value};

/// What a document says it is.
pub(super) struct Head<'n> {
    pub(super) group: &'n str,
    pub(super) version: &'n str,
    pub(super) kind: &'n str,
}

impl<'n> Head<'n> {
    pub(super) fn of(node: &'n Node) -> Self {
        let text = |key| node.get(key).and_then(Node::text).unwrap_or_default();
        let api_version = text("apiVersion");
        // A version has no dots: what has, without a version behind it, is a group.
        let alone = if api_version.contains('.') { (api_version, "") } else { ("", api_version) };
        let (group, version) = api_version.rsplit_once('/').unwrap_or(alone);
        Self { group, version, kind: text("kind") }
    }
}

/// Whether a path leads into a document, or an item of a list, that says that it is of another's kind.
pub(super) fn is_foreign(node: &Node, path: &str) -> bool {
    let head = Head::of(node);
    if is_list(&head, node) {
        let index = path.strip_prefix("items[").and_then(|rest| rest.split_once(']')?.0.parse().ok());
        let item = match node.get("items").map(|items| &items.value) {
            Some(Value::Sequence(items)) => index.and_then(|index: usize| items.get(index)),
            _ => None,
        };
        return item.is_some_and(|item| is_foreign(item, ""));
    }
    let said = !head.kind.is_empty() && !head.version.is_empty();
    said && kinds::find(head.group, head.kind).is_none() && !kinds::is_ours(head.group)
}

/// Whether there is more to a document than an empty list or a text: it says what it is, or has items.
pub(super) fn says_what_it_is(node: &Node) -> bool {
    let head = Head::of(node);
    if is_list(&head, node) {
        let items = node.get("items").map(|items| &items.value);
        return matches!(items, Some(Value::Sequence(items)) if items.iter().any(says_what_it_is));
    }
    !head.kind.is_empty()
}

/// The fields that a document's `spec` has.
pub(super) fn fields_of(node: &Node) -> impl Iterator<Item = &str> {
    let entries = node.get("spec").and_then(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| entry.key.as_str())
}

/// Whether it holds other documents.
pub(super) fn is_list(head: &Head<'_>, node: &Node) -> bool {
    head.kind == "List" || (head.kind.ends_with("List") && node.get("items").is_some())
}
