//! One mistake, one report.

use crate::analysis::Diagnostics;
use crate::api::at::is_below;

/// What could not be read is at its default, and what follows from that is no second mistake.
///
/// A finding is left out if something at its path or below was an error already, and one about two fields if
/// something was in their object. Advice is for what could be read.
pub(super) fn drop_consequences(invalid: &mut Diagnostics, found: &Diagnostics) {
    let unread: Vec<&str> =
        found.iter().filter(|error| error.is_error()).map(|error| &*error.origin.path).collect();
    if unread.is_empty() {
        return;
    }
    invalid.retain(|finding| {
        let path = &*finding.origin.path;
        let beside = |unread| finding.of_two_fields && object_of(unread) == object_of(path);
        finding.is_error() && !unread.iter().any(|unread| is_below(unread, path) || beside(unread))
    });
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
