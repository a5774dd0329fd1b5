//! The addresses of a name, and how long they hold: the part of discovery that decides.
//!
//! The adapter asks the resolver; here an answer becomes a set of addresses and the time of the next
//! question. The rule that matters most is in one place: when an address is taken away.
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
