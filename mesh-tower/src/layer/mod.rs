//! One folder for each layer; every one is what the stacks run, and useful alone.
//!
//! Their public paths are `mesh_tower::retry` and so on.

pub mod balance;
pub mod circuit;
pub mod context;
pub mod cors;
pub mod exchange;
pub mod fault;
pub mod grpc_web;
pub mod mirror;
pub mod normalize;
pub mod outlier;
pub mod retry;
pub mod rewrite;
pub mod route;
pub mod split;
pub mod timeout;
