//! Which rule serves a request, and what it does to it.
//!
//! A [`RouteTable`] is what one listener (or one library client) knows: virtual hosts found by the
//! request's authority, each with its routes in order, first hit wins (VS-5). One [`Route`] is one
//! `http` rule × one match block. Everything is compiled once, so that a lookup neither allocates
//! nor formats; the long form of the same lookup (why did the earlier rules not match?) comes from
//! running it with a [`Recorder`] in place of `()`.
//!
//! ```text
//! authority -> RouteTable::host -> VirtualHost::route -> Route -> Action
//!                (H-7)                (VM, VS-5)                  Forward | Redirect | DirectResponse
//! ```

mod action;
mod headers;
mod host;
mod key;
mod matcher;
pub mod normalize;
mod record;
mod redirect;
mod rewrite;
mod rule;
mod scope;
mod table;

pub use action::{Action, Destination, DirectResponse, Forward, Mirror};
pub use headers::{Direction, HeaderOps, HeaderOpsError, Vars, is_framing};
pub use host::{HostMap, host_of};
pub use key::VirtualHostKey;
pub use matcher::{Matcher, Mismatch};
pub use record::{Earlier, Recorder};
pub use redirect::{Redirect, RedirectPath, RedirectPort};
pub use rewrite::{PathRewrite, Rewrite, RewriteError, Substitution};
pub use rule::Route;
pub use scope::{Scope, Vantage};
pub use table::{Fallback, Found, RouteTable, TableError, VirtualHost};

pub use crate::pattern::{Pattern, PatternError, StringMatch};
pub use crate::request::RequestView;
