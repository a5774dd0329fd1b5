//! The configuration as written: Istio's and Kubernetes' objects with their positions.
//!
//! [`Documents`] holds them. [`Documents::parse`] reads them from text, by the room [`read`](crate::read). Objects
//! can be built in code too: every type is a plain struct with a default, put into a [`Resource`] with its
//! [`Metadata`].
//!
//! | module | has |
//! |---|---|
//! | [`tree`] | the trees |
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
pub mod kubernetes;
pub mod message;
mod places;
pub(crate) mod resource;
pub(crate) mod schema;
pub(crate) mod source;
mod strictness;
mod timestamp;
pub mod tree;
pub mod values;

pub use at::At;
pub use documents::{Documents, Files};
pub use resource::{Metadata, Parts, Resource, creation_order};
pub use source::{Mark, Source};
pub use strictness::Strictness;
pub use timestamp::Timestamp;

#[cfg(test)]
mod tests;
