//! Benchmarks whose every figure stands beside a floor or a peer of the same run.
//!
//! Absolute times say more about the machine than about the code, so nothing here prints one alone.
//!
//! | command | compares | with |
//! |---|---|---|
//! | `cargo bench -p mesh-benches --bench layers` | each layer | the same call without it |
//! | `cargo bench -p mesh-benches --bench stack` | the stack, the client | a no-op service, a bare hyper client |
//! | `cargo run --release -p mesh-benches --bin stack-calls` | their allocations and instructions | the same |
//! | `cargo run --release -p mesh-benches --bin proxy-bench` | `mesh-proxy` | Envoy, HAProxy, bare hyper |
//! | `cargo run --release -p mesh-benches --bin config-bench` | 5,000 services | 100 of them |

pub mod calls;
pub mod documents;
pub mod envoy;
pub mod measure;
pub mod process;
pub mod proxy;
pub mod report;
pub mod side_by_side;
