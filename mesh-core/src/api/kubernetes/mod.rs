//! The Kubernetes kinds that a mesh needs, as far as it needs them.
//!
//! Their schemas are large and not ours, and the API server has checked them before: fields that we
//! do not read are passed over without a word, unlike in Istio's kinds. A field that we do read must
//! still have the right type.

mod endpoint_slice;
mod secret;
mod service;
mod workload;

pub use endpoint_slice::*;
pub use secret::*;
pub use service::*;
pub use workload::*;
