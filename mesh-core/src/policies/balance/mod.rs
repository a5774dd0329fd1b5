//! Which endpoint serves a request? (LB)
//!
//! Spreading requests evenly is not spreading load evenly: one slow endpoint collects waiting
//! requests under rotation. The default therefore looks at two random endpoints and takes the one
//! with fewer requests under way, which keeps the longest queue at `log log n` where a blind draw
//! gives `log n / log log n` (Mitzenmacher, "The Power of Two Choices in Randomized Load
//! Balancing", 2001).
//!
//! | policy | equal weights | unequal weights |
//! |---|---|---|
//! | `LEAST_REQUEST` | the better of two draws | earliest deadline first, weight / (active + 1) |
//! | `ROUND_ROBIN` | rotation from a random start | earliest deadline first by weight |
//! | `RANDOM` | a draw | a draw, weights ignored |
//! | peak EWMA | the better of two by latency · (active + 1) / weight; in code only | the same |
//! | `consistentHash` | [`Ring`] or [`Maglev`]: the same host for the same key | points or slots by weight |
//!
//! Two parts: a [`HostSet`] holds the hosts that may be picked, is shared and replaced when endpoints come, go
//! or are ejected; a [`Balancer`] is one worker's private cursor over it. A pick is `O(1)`, or
//! `O(log n)` with unequal weights, and allocates only when the set has changed.
//!
//! Before the policy comes the distance: a set has [priorities](Priority), nearest first, which share
//! the load by their health (LB-13), and a priority may have [groups](Group) with shares of their own
//! (LB-12). A set without locality rules has one of each, and nothing is drawn to find it.
//!
//! Worked example: hosts of weight 3 and 1 under round robin serve 75 and 25 of 100 requests, in
//! the order a a b a, a a b a, not aaa… then b.

mod avoided;
mod balancer;
mod cookie;
mod edf;
mod hash_key;
mod hash_policy;
mod hashed;
mod host_set;
mod host_view;
mod locality;
mod maglev;
mod peak_ewma;
mod policy;
mod priority;
mod ring;
mod share;
mod table;
mod warm_up;

pub use avoided::AvoidedPriorities;
pub use balancer::{Balancer, PickFacts};
pub use cookie::HashCookie;
pub use hash_key::HashKey;
pub use hash_policy::{HashHeader, HashPolicy, HashSource, Hashed};
pub use host_set::HostSet;
pub use host_view::{Choice, HostView, Place, SetRules};
pub use locality::{Layout, LocalityPattern, LocalityPolicy, LocalityRule};
pub use maglev::Maglev;
pub use peak_ewma::Latency;
pub use policy::BalancePolicy;
pub use priority::{Group, Priority};
pub use ring::Ring;
pub use share::{Share, host_key};
pub use table::HashTable;
pub use warm_up::{WarmUp, WarmUpError, WarmUpParts};
