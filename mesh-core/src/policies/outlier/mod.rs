//! Is an endpoint to be left out for a while? (OD)
//!
//! Health checks ask an endpoint how it feels; this watches what it does. An endpoint that fails
//! several times in a row is ejected, longer each time, and taken back at a tick. At most a share
//! of the hosts is out at once: if all fail, the fault lies elsewhere, and leaving all out would
//! make a partial outage total.
//!
//! ```text
//!            consecutive errors == threshold, and room below maxEjectionPercent
//!   Serving ----------------------------------------------------------------> Ejected
//!      ^      m += 1, out for min(base * m, max(300s, base))                     |
//!      +-------------------------------------------------------------------------+
//!            at the first tick at which that time is over; counters 0, m kept
//!      every further tick in service: m -= 1
//! ```
//!
//! Worked example, `consecutive5xxErrors: 3`, `baseEjectionTime: 30s`, `interval: 10s`,
//! `maxEjectionPercent: 50` over four hosts: the third 503 in a row ejects for 30 s, the next bout
//! for 60 s; after 10 s in service the multiplier falls by one. Two hosts can be out, not three.
//! With the default of 10 % a cluster of fewer than ten hosts never ejects (OD-6).

mod counters;
mod detector;
mod host;
mod parts;
mod policy;

pub use detector::{Detector, Event};
pub use host::{HostState, Reason};
pub use parts::OutlierParts;
pub use policy::OutlierPolicy;
