//! The configuration as written: Istio's and Kubernetes' objects with their positions.
//!
//! ```text
//! text --yaml--> Node tree --decode (one table a type)--> typed objects --validate--> Documents
//!                    \_______________________\___________________\_______> Diagnostics
//! ```
//!
//! [`Documents::parse`] is the way in. It never fails as a whole: a resource that is wrong is dropped
//! alone and reported (Y-12), and whether that is bearable is for the caller to say, except for
//! findings marked `fail_closed`. Objects can be built in code too: every type is a plain struct with
//! a default, put into a [`Resource`] with its [`Metadata`].
//!
//! | module | has |
//! |---|---|
//! | [`tree`] | the trees |
//! | [`yaml`] | the reader of text |
//! | [`message`] | the one table that each type is made from |
//! | [`decode`] | the reader of trees |
//! | [`istio`], [`kubernetes`], [`gateway_api`], [`envoy_gateway`] | the types |

pub mod at;
pub mod decode;
pub(crate) mod documents;
pub mod duration;
pub mod envoy_gateway;
pub mod gateway_api;
pub mod istio;
pub(crate) mod kinds;
pub mod kubernetes;
pub mod message;
pub(crate) mod nearest;
pub(crate) mod reader;
pub(crate) mod resource;
pub(crate) mod schema;
mod strictness;
mod support;
mod timestamp;
pub mod tree;
pub mod values;
pub mod yaml;

pub use at::{At, Mark, Source};
pub use documents::{Documents, Files};
pub use kinds::{KINDS, Kind, MESH_CONFIG, Support};
pub use resource::{Metadata, Resource, creation_order};
pub use strictness::Strictness;
pub use support::{SupportRow, support};
pub use timestamp::Timestamp;

#[cfg(test)]
mod tests;
