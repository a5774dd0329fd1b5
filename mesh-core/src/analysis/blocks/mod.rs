//! From written blocks to policies, for the analyser and for the compiler.
//!
//! A block's parts go to the constructor of its policy, which is the only place of their rules. It names the fields
//! that it refuses; here each gets the place where it was written. The analyser reports them, the compiler keeps the
//! policy.

mod direct_response;
mod fault;
mod health;
mod outlier;
mod pool;
mod retry;
mod warm_up;

use crate::api::At;
use crate::diagnostic::{Code, Diagnostic};
use crate::field::{FieldError, FieldErrors};

pub(crate) use self::direct_response::direct_response;
pub(crate) use self::fault::fault;
pub(crate) use self::health::health;
pub(crate) use self::outlier::outlier;
pub(crate) use self::pool::{budget, keepalive, pool};
pub(crate) use self::retry::retry;
pub(crate) use self::warm_up::warm_up;

/// A policy, or a finding for each field that its constructor refuses.
pub(crate) type PolicyResult<T> = Result<T, Vec<Diagnostic>>;

/// The policy, if there is one. What is refused is in `findings`.
pub(crate) fn kept<T>(policy: PolicyResult<T>, findings: &mut Vec<Diagnostic>) -> Option<T> {
    policy.map_err(|refused| findings.extend(refused)).ok()
}

/// The errors at the places of their fields. `blocks` are the block, whose path is empty, and those within it.
fn located(errors: FieldErrors, blocks: &[(&str, Option<&At>)]) -> Vec<Diagnostic> {
    errors.into_iter().map(|error| place(&error, blocks)).collect()
}

fn place(error: &FieldError, blocks: &[(&str, Option<&At>)]) -> Diagnostic {
    let at = |block: &str| blocks.iter().find(|(path, _)| *path == block).and_then(|(_, at)| *at);
    let path = error.path();
    let (block, field) = path.rsplit_once('.').unwrap_or(("", path));
    let parent = || at(block).expect("an error is of a block that is written");
    let origin = match (at(path), error.index()) {
        (Some(whole), _) => whole.origin(),
        (None, None) => parent().field(field),
        (None, Some(index)) => parent().item(field, index),
    };
    let finding = Diagnostic::new(Code::SchemaValidationError, origin, error.message());
    let finding = match error.advice() {
        Some(hint) => finding.hint(hint),
        None => finding,
    };
    if error.is_of_two_fields() { finding.of_two_fields() } else { finding }
}
