//! Which of a rule's weighted destinations serves a request (VA-3).
//!
//! A canary is only as honest as its draw: each request is an independent random draw, made once
//! and before any retry, so that the share of v2 does not depend on how often v1 fails, and two
//! callers in lock step do not always meet the same version.
//!
//! Weights `[90, 10]` become the bounds `[90, 100]`; a draw of 93 in `0..100` is the first bound
//! above it: the second destination. Weights `[3, 0, 1]` drop the middle one: 75 % and 25 %.
//!
//! Where the destinations balance by a key of the request (`consistentHash`), the key takes the place
//! of the draw: a user of the canary stays with it, and other users come to it only when
//! its weight grows. Requests without the key are drawn.

mod weighted;

pub use weighted::{SplitError, WeightedSplit};
