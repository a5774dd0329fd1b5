//! Findings about a configuration, written so that a user can correct it.
//!
//! Every finding is a [`Diagnostic`]: a stable [`Code`] (Istio's where one exists), a [`Level`], the
//! place (`file:line:column`, resource, path), a sentence, and a hint where there is one. The decoder,
//! the validators and the compiler all report through this one type, so that a user meets one form of
//! message whatever found the mistake. It stands below all three.

mod code;
mod collection;
mod finding;
mod level;
pub mod position;

pub use code::Code;
pub use collection::Diagnostics;
pub use finding::Diagnostic;
pub use level::Level;
