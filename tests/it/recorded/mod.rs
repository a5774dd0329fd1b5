//! Compares real Istio's recorded behaviour with ours: the same, or a difference that is kept on purpose and has a name.
//!
//! ```text
//! fixtures/recorded/gateway.jsonl ─▶ documents ─▶ the production stack over the network in memory ─┐
//!                                └─▶ request ───▶ status, headers, body, the endpoint's request ───┴─▶ equal,
//!                                    observed                                     or kept by name, or other: 0
//! ```
//!
//! | file | is |
//! |---|---|
//! | `case` | a line of a recording |
//! | `endpoint` | the server that every recording was made with |
//! | `play` | a request through the stack, and its outcome in the recording's words |
//! | `compare` | equal, kept or other; the report |
//! | `kept` | the differences that stay, each with the exact answer that we give instead |
//! | `steps` | the server of the attempts, which takes the steps of a script |
//! | `gateway`, `sidecar`, `attempts` | a recording each: the workload, and the differences that may occur |
//!
//! The recordings were made with istiod of the 1.31 line and its Envoy. Each configuration is loaded afresh, so that no
//! case depends on an earlier one.
//!
//! `MESH_RECORDED=12 cargo test -p mesh-tests --test it recorded` plays one configuration (its line, from 1) and
//! prints its differences in full.

mod attempts;
mod case;
mod compare;
mod endpoint;
mod gateway;
mod kept;
mod play;
mod sidecar;
mod steps;
