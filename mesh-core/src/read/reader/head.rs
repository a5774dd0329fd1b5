//! What a document says it is, before it is decoded.

use crate::api::tree::{Node, Value};
use crate::read::kinds;

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

/// Whether a document, or each item of a list, says that it is of another's kind.
pub(super) enum Foreign {
    All(bool),
    Items(Vec<Self>),
}

impl Foreign {
    pub(super) fn of(node: &Node) -> Self {
        let head = Head::of(node);
        if is_list(&head, node) {
            return Self::Items(items_of(node).iter().map(Self::of).collect());
        }
        let said = !head.kind.is_empty() && !head.version.is_empty();
        Self::All(said && kinds::find(head.group, head.kind).is_none() && !kinds::is_ours(head.group))
    }

    /// Whether a path leads into what is another's.
    pub(super) fn has(&self, path: &str) -> bool {
        match self {
            Self::All(is_foreign) => *is_foreign,
            Self::Items(items) => {
                in_item(path).and_then(|(index, rest)| Some(items.get(index)?.has(rest))).unwrap_or_default()
            }
        }
    }
}

/// The item of a list that a path leads to, and the path from there.
pub(super) fn in_item(path: &str) -> Option<(usize, &str)> {
    let (index, rest) = path.strip_prefix("items[")?.split_once(']')?;
    Some((index.parse().ok()?, rest.strip_prefix('.').unwrap_or(rest)))
}

/// The documents that a list holds.
pub(super) fn items_of(node: &Node) -> &[Node] {
    match node.get("items").map(|items| &items.value) {
        Some(Value::Sequence(items)) => items,
        Some(Value::Mapping(_) | Value::Scalar(_)) | None => &[],
    }
}

/// Whether there is more to a document than an empty list or a text: it says what it is, or has items.
pub(super) fn says_what_it_is(node: &Node) -> bool {
    let head = Head::of(node);
    if is_list(&head, node) {
        return items_of(node).iter().any(says_what_it_is);
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
