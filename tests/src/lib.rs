//! The harness of the integration tests: configuration in a line, bodies that come in pieces, and the built proxy as
//! a child process.
//!
//! `mesh_tower::test` has the parts that are useful outside; this crate has the parts that only our own tests need.

pub mod backend;
pub mod body;
pub mod child;
pub mod config;
pub mod counters;
pub mod dns;
pub mod gateway;
pub mod headers;
pub mod http2;
pub mod proxy;
pub mod raw;
