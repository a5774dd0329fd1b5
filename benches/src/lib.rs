//! Benchmarks whose every figure stands beside a floor or a peer of the same run.
//!
//! Absolute times say more about the machine than about the code, so nothing here prints one alone. `proxy-bench` (this
//! crate's binary) starts `mesh-proxy`, Envoy, HAProxy and a bare hyper pass-through in turn on one backend and compares the
//! processor time that each spends on a request.
