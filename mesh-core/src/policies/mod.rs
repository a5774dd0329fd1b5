//! One module for each question that a request raises: which route, which endpoint, is there room, again?
//!
//! A policy answers with a value, or is a small state machine; it knows nothing of how it was written. Its constructor
//! takes plain parts, such as [`RetryParts`](retry::RetryParts), and is the only place of their rules: the error names
//! each [field](crate::field) that breaks one. The rest of the crate and its users name these modules by their paths at
//! the root of the crate.

pub mod balance;
pub mod circuit;
pub mod cors;
pub mod discover;
pub mod fault;
pub mod grpc_web;
pub mod headers;
pub mod health;
pub mod http2;
pub mod outlier;
pub mod reply;
pub mod retry;
pub mod route;
pub mod split;
pub mod telemetry;
pub mod timeout;
