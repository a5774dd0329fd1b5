//! Answers that the mesh makes itself: status, flag, details and body (RF).
//!
//! The library's typed error and the proxy's response are made from the same [`LocalReply`], so
//! they cannot drift apart (RF-7).

mod dialect;
mod flags;
mod local;

pub use dialect::Dialect;
pub use flags::{Flag, ResponseFlags};
pub use local::{LocalReply, grpc_message, has_no_body};

pub use crate::grpc::{grpc_of_http, http_of_grpc};
