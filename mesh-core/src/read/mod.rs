//! From text to the configuration as written: documents are scanned, told apart, decoded, validated and kept.
//!
//! ```text
//! text --yaml--> Node tree --decode (one table a type)--> typed objects --validate--> Documents
//!                    \_______________________\___________________\_______> Diagnostics
//! ```
//!
//! [`Documents::parse`](crate::api::Documents::parse) is the way in. It never fails as a whole: a resource that is
//! wrong is dropped alone and reported (Y-12), and whether that is bearable is for the caller to say, except for
//! findings marked `fail_closed`.
//!
//! | module | has |
//! |---|---|
//! | [`yaml`] | the reader of text |
//! | `kinds` | every kind that we know, in [`KINDS`] |
//! | [`File`] | one file, read |
//! | `reader` | the way of a document from its tree to its list |
//! | `join` | from files to documents |
//! | `parse` | the way in |
//! | `support` | what is implemented, by [`support`](support()) |

mod file;
mod join;
pub(crate) mod kinds;
mod parse;
pub(crate) mod reader;
mod support;
pub mod yaml;

pub use file::File;
pub use kinds::{KINDS, Kind, MESH_CONFIG, Support};
pub use support::{SupportRow, support};
