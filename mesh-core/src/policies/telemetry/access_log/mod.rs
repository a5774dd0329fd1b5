//! Access log lines (AL): a format parsed once, written often.
//!
//! ```text
//! "[%START_TIME%] %REQ(:METHOD)% …"  --parse-->  Template: literal, operator, literal, …
//!                                                   |
//!                       Record (borrowed facts) ----+--write--> one line
//! ```
//!
//! Header operations use the same operators (VA-6), so [`Template`] is shared with
//! [`route::HeaderOps`](crate::route::HeaderOps).

mod captured;
mod digits;
mod error;
mod format;
mod json;
mod operator;
mod record;
mod template;
mod time;

pub use captured::Captured;
pub use error::FormatError;
pub use format::Format;
pub use record::{Extra, ExtraKind, Record};
pub use template::Template;
pub use time::write_rfc3339;
