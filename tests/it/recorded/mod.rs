//! What real Istio did with a request, and what we do with it: the same, or a difference that is kept on
//! purpose and known by name.
//!
//! ```text
//! fixtures/recorded/gateway.jsonl ─▶ documents ─▶ the production stack over the network in memory ─┐
//!                                └─▶ request ───▶ status, headers, body, what the endpoint saw ────┴─▶ equal,
//!                                    observed                                     or kept by name, or other: 0
//! ```
//!
//! | file | is |
//! |---|---|
//! | `case` | a line of a recording |
//! | `endpoint` | the server that every recording was made with |
//! | `play` | a request through the stack, and what came of it in the recording's words |
//! | `compare` | equal, kept or other; the report |
//! | `kept` | the differences that stay, each with the exact answer that we give instead |
//! | `steps` | the server of the attempts, which takes the steps of a script |
//! | `gateway`, `sidecar`, `attempts` | a recording each: who the workload is, and which differences may occur |
//!
//! The recordings were made with istiod of the 1.31 line and its Envoy. Nothing depends on what stood before:
//! each configuration is loaded afresh.
//!
//! `MESH_RECORDED=12 cargo test -p mesh-tests --test it recorded` plays one configuration (its line, from 1) and
//! prints what is other in full.

mod attempts;
mod case;
mod compare;
mod endpoint;
mod gateway;
mod kept;
mod play;
mod sidecar;
mod steps;
