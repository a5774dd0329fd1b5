//! The one integration binary.
//!
//! Most modules run the production stack over in-memory upstreams in virtual time; `blackbox` runs
//! the built proxy over sockets. Tests cite the rules they hold by their ids, such as `rt_19`.

#![expect(clippy::unwrap_used, reason = "all of it is tests; their helpers unwrap too")]

mod as_istio;
mod authority;
mod blackbox;
mod circuit;
mod claims;
mod cors;
mod deadline;
mod dns;
mod envoy;
mod framing;
mod gateway_api;
mod growth;
mod grpc;
mod grpc_web;
mod hash;
mod health;
mod hostile;
mod http2_fields;
mod kit;
mod locality;
mod locally;
mod mirror;
mod options;
mod order;
mod outlier;
mod own_layer;
mod parity;
mod pool;
mod readiness;
mod recorded;
mod reload;
mod replay;
mod retry;
mod retry_matrix;
mod rewrite;
mod scope;
mod sockets;
mod source;
mod split_fault;
mod stale;
mod storm;
mod timeout;
mod timeout_race;
mod upstream_tls;
mod wiring;
