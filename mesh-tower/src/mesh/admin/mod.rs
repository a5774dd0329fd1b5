//! What an operator may ask of a running mesh (OP-3), as a plain service.
//!
//! The proxy serves it on an address of its own; a program that links the mesh mounts it where it likes, or
//! nowhere. `GET` never changes anything, so a page may be opened, and a scraper let loose, without a
//! thought.
//!
//! | path | answers |
//! |---|---|
//! | `/` | an index |
//! | `/ready`, `/healthz/ready` | 200 while requests are served and the workload is ready (HC-3), else 503 (OP-2) |
//! | `/stats/prometheus`, `/stats` | the metrics, for Prometheus and for readers |
//! | `/config_dump` | what is in force: generation, findings, listeners, routes, clusters, each with its origin |
//! | `/clusters` | the endpoints now: health, ejections, requests; and the limits |
//! | `/listeners` | the real addresses |
//! | `/server_info` | version, state, who we are |
//! | `/logging` (POST) | what is logged; `?level=debug`, `?paths=mesh_tower:debug,hyper:info` change it |
//! | `/quitquitquit` (POST) | begins to drain |
//!
//! # Readiness
//! Always ready.
//!
//! # Clone
//! Clones are the same.
//!
//! # Errors
//! None: what is wrong is answered.
//!
//! # Cancellation
//! The answer is made in `call`; there is nothing to cancel.
//!
//! # Example
//! ```
//! use mesh_tower::{Mesh, admin::Admin};
//!
//! fn admin(mesh: &Mesh) -> Admin {
//!     Admin::new(mesh.clone()).version(env!("CARGO_PKG_VERSION"))
//! }
//! ```

mod clusters;
mod config_dump;
mod listeners;
mod logging;
mod service;
mod stats;
#[cfg(test)]
mod tests;

pub use listeners::ListenerStatus;
pub use service::{Admin, Readiness};
