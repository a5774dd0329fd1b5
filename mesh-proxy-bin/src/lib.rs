//! `mesh-proxy`: the Mesh engine as a thin standalone proxy, sidecar and gateway.
//!
//! It listens, and it contains no policy: what happens to a request is decided by `mesh-core` and done by
//! the same stack that a Rust service links. It is a library with one entry, [`run`], so that examples and
//! tests run the very same proxy: in the process ([`Proxy`]), or by starting themselves again.
//!
//! ```text
//! run ─ cli ─ settings ─┬─ check                     findings of a folder, printed
//!                       └─ app ── control runtime:   configuration, DNS, health, admin, drain
//!                           │
//!                           ├── worker 0: a thread, a runtime, its own sockets, pools and stacks
//!                           └── worker n:  accept ─ connection (sniff, TLS) ─ front ─ stack ─ wire
//! ```
//!
//! | module | does |
//! |---|---|
//! | `cli`, `settings` | what was asked for |
//! | `app`, `drain` | starts everything; ends it without losing a request |
//! | `listen` | follows the plan's listeners: opens, closes, renews certificates; a worker for each core accepts |
//! | `connection` | one connection: TLS, protocol, and what stands between hyper and the stack |
//! | `admin` | what is shown to operators |
//! | `check` | `mesh-proxy check` |
//!
//! # Exit codes
//! 0: done, or drained. 1: it could not start; the message names the file and line, or the address.
//! 2: wrong usage. 79: `check` found something.

mod admin;
mod app;
mod check;
mod cli;
mod connection;
mod drain;
mod listen;
mod logging;
mod settings;

pub use app::Proxy;
pub use cli::run;
pub use drain::Shutdown;
pub use settings::{Bind, Role, Settings};
