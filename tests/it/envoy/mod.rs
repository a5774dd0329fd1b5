//! Against real Envoy: the same meaning in Istio's YAML and in Envoy's, the same requests, the same
//! backends, and the same outcome.
//!
//! Envoy defines the meaning of the YAML at run time; the tests compare our behaviour with Envoy's.
//! Where we differ on purpose, a test pins both outcomes and names the entry in
//! `docs/differences-from-envoy.md` that says why.
//!
//! Needs the Envoy that `.ci/run` installs; without it every test here says that it was skipped. With
//! `MESH_TEST_ENVOY=1` a missing Envoy is a failure.

mod actions;
mod back_off;
mod chance;
mod cors;
mod edge;
mod grpc_web;
mod harness;
mod hash;
mod limits;
mod matching;
mod nowhere;
mod process;
mod retries;
mod steering;
mod timeouts;
