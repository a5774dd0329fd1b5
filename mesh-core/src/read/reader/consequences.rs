//! One mistake, one report.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// What could not be read is at its default, and what follows from that is no second mistake.
///
/// A finding is left out if something at its path or below was an error already, and one about two fields if
/// something was in their object. Advice is for what could be read.
pub(super) fn drop_consequences<'f>(
    invalid: &mut Diagnostics,
    found: impl IntoIterator<Item = &'f Diagnostic>,
) {
    let errors = found.into_iter().filter(|error| error.is_error());
    let mut unread: Vec<&str> = errors.map(|error| &*error.origin.path).collect();
    if unread.is_empty() {
        return;
    }
    unread.sort_unstable();
    let objects: HashSet<&str> = unread.iter().map(|unread| object_of(unread)).collect();
    invalid.retain(|finding| {
        let path = &*finding.origin.path;
        let beside = finding.of_two_fields && objects.contains(object_of(path));
        finding.is_error() && !any_below(&unread, path) && !beside
    });
}

/// Whether one of the paths, which are sorted, leads to a node or to a part of it.
fn any_below(sorted: &[&str], node: &str) -> bool {
    let any = |start: &str, fits: fn(&str, &str) -> bool| {
        let first = sorted.partition_point(|path| *path < start);
        sorted.get(first).is_some_and(|path| fits(path, start))
    };
    let begins = |path: &str, start: &str| path.starts_with(start);
    node.is_empty()
        || any(node, |path, node| path == node)
        || any(&format!("{node}."), begins)
        || any(&format!("{node}["), begins)
}

/// The path of the object that a field or an item of it stands in.
fn object_of(path: &str) -> &str {
    let mut field = path;
    // A key that is no plain word stands in brackets too, and in quotes.
    while field.ends_with(']') && !field.ends_with("\"]") {
        field = field.rfind('[').map_or("", |end| &field[..end]);
    }
    let end = if field.ends_with(']') { field.rfind("[\"") } else { field.rfind('.') };
    end.map_or("", |end| &field[..end])
}
