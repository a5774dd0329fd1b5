//! The deciding half of Mesh.
//!
//! Istio's configuration goes in as text; an immutable [`plan::Plan`] comes out, and for every
//! question a request raises (which route? is it admitted? which endpoint? again?) a pure function
//! or a small state machine that answers with a value. Nothing in here opens a socket, reads a
//! file, looks at a clock or draws from a global random source: time and chance are arguments.
//! That is what lets the library, the proxy and the test kit decide alike.
//!
//! ```text
//! text -> read -> api (as written, with positions) -> analysis (diagnostics) -> plan (as compiled)
//!                                                                                  |
//!   request ->  route -> grpc-web -> fault -> cors -> split -> rewrite -> timeout -> retry -> circuit -> balance
//!                                                                            |                      |
//!                                                                         outcome  <-------------  outlier
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`api`] | what did the user write, and where? |
//! | [`analysis`] | what is wrong with it? |
//! | [`read`] | what does the text say, and what of the API is implemented? |
//! | [`plan`] | what does it mean, compiled? |
//! | [`discover`] | what does a name stand for, and until when? |
//! | [`route`] | which rule serves this request, and what does it do to it? |
//! | [`grpc_web`] | what does a page's gRPC call look like on the wire? |
//! | [`grpc`] | which gRPC status is an HTTP status, and back? |
//! | [`fault`] | is a fault injected? |
//! | [`cors`] | may a page of another origin read the answer? |
//! | [`split`] | which weighted destination? |
//! | [`timeout`] | how long may it take? |
//! | [`retry`] | may, and should, it be tried again? |
//! | [`circuit`] | is there room? |
//! | [`balance`] | which endpoint? |
//! | [`outlier`] | is that endpoint to be left out for a while? |
//! | [`health`] | does it say that it is well? |
//! | [`headers`] | which headers end here, and which may a caller send? |
//! | [`field`] | which part of a policy breaks a rule? |
//! | [`telemetry`] | which labels and which log line? |
//! | [`outcome`], [`reply`], [`decision`] | how did it end, which answer does the caller get, what was decided? |
//!
//! # Rule ids
//! Comments and tests cite rules of behaviour by id: letters for the subject, and a number. `RT-5` is the fifth rule
//! about timeouts and retries (trusted headers), `VA-10` the tenth about a route's action (mirrors). `docs/rules.md` in
//! the repository lists every id; a test that carries one in its name (`rt_5_headers_pass_over_unknown_tokens`) shows the
//! exact behaviour.
//!
//! | letters | subject |
//! |---|---|
//! | Y, N, MC | files, names and scope, mesh configuration and identity |
//! | H, P, SE | hosts, ports and protocols, services and endpoints |
//! | VS, VM, VA, L4 | `VirtualService`: its fields, match, action, TLS and TCP routes |
//! | RT, FI, RF | timeouts and retries, faults, local replies |
//! | DR, LB, CB, OD, HC, TL | `DestinationRule`, load balancing, connection pools and budgets, outlier detection, health checks, upstream TLS |
//! | GW, SC, GA, MO, FO | `Gateway`, `Sidecar`, Gateway API, merging, order of filters |
//! | HD, AZ | headers, paths |
//! | ME, AL, TR | metrics, access log, trace context |
//! | AN, OP, KI, OU | findings of analysis, operation, injected pods, behaviour that only this mesh has |

pub mod analysis;
pub mod api;
pub mod decision;
mod diagnostic;
mod ground;
pub mod plan;
mod policies;
pub mod read;
#[cfg(test)]
#[path = "../tests/support/clock.rs"]
mod tests;

pub use diagnostic::position as error;
pub use ground::{endpoint, field, grpc, hash, identity, outcome, rng, text_map, units};
pub(crate) use ground::{nearest, pattern, request};
pub use policies::{
    balance, circuit, cors, discover, fault, grpc_web, headers, health, http2, outlier, reply, retry, route,
    split, telemetry, timeout,
};
