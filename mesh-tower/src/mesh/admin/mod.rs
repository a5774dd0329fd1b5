//! The admin pages of a running mesh (OP-3), as a plain service.
//!
//! The proxy serves them on an address of its own. A program that links the mesh may mount them on its own server. `GET`
//! never changes the mesh, so browsers and scrapers may request every page.
//!
//! | path | answers |
//! |---|---|
//! | `/` | an index |
//! | `/ready`, `/healthz/ready` | 200 while requests are served and the workload is ready (HC-3), else 503 (OP-2) |
//! | `/stats/prometheus`, `/stats` | the metrics, for Prometheus and for readers |
//! | `/config_dump` | the plan in force: generation, findings, listeners, routes, clusters, each with its origin |
//! | `/clusters` | the endpoints now: health, ejections, requests; and the limits |
//! | `/listeners` | the listeners with their addresses |
//! | `/server_info` | version, state, workload |
//! | `/logging` (POST) | the filter of the program's log; `?level=debug`, `?paths=mesh_tower:debug,hyper:info` change it |
//! | `/quitquitquit` (POST) | begins to drain |
//!
//! # Readiness
//! Always ready.
//!
//! # Clone
//! Clones answer about the same mesh, with the same settings.
//!
//! # Errors
//! None: a wrong request gets a 4xx answer.
//!
//! # Cancellation
//! The answer is made in `call`; dropping the future changes nothing.
//!
//! # Example
//! ```
//! use mesh_tower::{Mesh, admin::Admin};
//!
//! fn admin(mesh: &Mesh) -> Admin {
//!     Admin::new(mesh.clone()).version(env!("CARGO_PKG_VERSION"))
//! }
//! ```

mod answer;
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
