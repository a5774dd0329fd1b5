//! Mistakes of a configuration, reported so that a user can correct them.
//!
//! Every finding is a [`Diagnostic`]: a stable [`Code`] (Istio's where one exists), a [`Level`], the
//! place, a sentence, and a hint where there is one. Both the reader of documents in [`crate::read`] and
//! the compiler in `plan` report through this one type, so that a user meets one form of message
//! whatever found the mistake.
//!
//! | file | finds |
//! |---|---|
//! | `blocks` | the fields that the constructor of a policy refuses |
//! | [`validate`] | values that no resource of the kind may hold, and rules that are probably not what was meant |

pub(crate) mod blocks;
pub mod validate;

pub use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
