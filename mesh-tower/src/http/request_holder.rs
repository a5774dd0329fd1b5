//! A request that stays in one place in memory until it is sent.

use http::Request;

use super::body::Body;

/// A holder of a request, with or without facts about it.
///
/// A request has some 270 bytes, and each future on its way would keep room for it; so its holder is handed on, and
/// gives the request away at the last moment. A trait, so that the pool knows nothing of what else a holder carries: a
/// request that comes back unsent may come in a new holder, without it.
pub(crate) trait RequestHolder: Send {
    fn holding(request: Request<Body>) -> Self;
    fn get(&self) -> &Request<Body>;
    fn get_mut(&mut self) -> &mut Request<Body>;
    fn release(self) -> Request<Body>;
}
