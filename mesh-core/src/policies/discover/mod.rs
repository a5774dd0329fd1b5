//! What a name stands for, and until when: the part of discovery that decides.
//!
//! Asking is the edge's affair; here an answer becomes a set of addresses and the time of the next
//! question. The rule that users lose sleep over is in one place: who may take an address away.
//!
//! | the resolver says | addresses | asked again |
//! |---|---|---|
//! | addresses, with a TTL | these, at once | in the second half of the TTL |
//! | nothing (fails, times out) | the last good ones, however long it lasts | after `dnsRefreshRate` |
//! | "there are none", once | the last good ones, for a grace period | within the period |
//! | "there are none", throughout it | none | soon, then less and less often, up to `dnsRefreshRate` |
//! | nothing, or "there are none", of a name that has never had one | none | the same |

mod dns;

pub use dns::{Answer, Change, DnsPolicy, Family, Name, Step};
