//! From written blocks to policies, for the analyser and for the compiler.
//!
//! A block's parts go to the constructor of its policy, which is the only place of their rules. It names the fields
//! that it refuses; here each gets the place where it was written. The analyser reports them, the compiler keeps the
//! policy.

mod fault;
mod retry;

use crate::api::At;
use crate::diagnostic::{Code, Diagnostic};
use crate::field::{FieldError, FieldErrors};

pub(crate) use self::fault::fault;
pub(crate) use self::retry::retry;

/// A policy, or a finding for each field that its constructor refuses.
pub(crate) type Made<T> = Result<T, Vec<Diagnostic>>;

/// The errors at the places of their fields. `blocks` are the messages within a block, each with the beginning of the
/// paths that lead into it; the block itself has none.
fn located(errors: FieldErrors, blocks: &[(&str, Option<&At>)]) -> Vec<Diagnostic> {
    errors.into_iter().map(|error| place(&error, blocks)).collect()
}

fn place(error: &FieldError, blocks: &[(&str, Option<&At>)]) -> Diagnostic {
    let (block, field) = error.path().rsplit_once('.').unwrap_or(("", error.path()));
    let at = blocks.iter().find(|(path, _)| *path == block).and_then(|(_, at)| *at);
    let at = at.expect("an error is of a block that is written");
    let origin = match (field, error.index()) {
        ("", _) => at.origin(),
        (field, None) => at.field(field),
        (field, Some(index)) => at.item(field, index),
    };
    let finding = Diagnostic::new(Code::SchemaValidationError, origin, error.message());
    let finding = match error.advice() {
        Some(hint) => finding.hint(hint),
        None => finding,
    };
    if error.is_of_two_fields() { finding.of_two_fields() } else { finding }
}
