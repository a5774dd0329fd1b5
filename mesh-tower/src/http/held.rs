//! A request that stays in one place in memory until it is sent.

use http::Request;

use super::body::Body;

/// What holds a request, with or without facts about it.
///
/// A request has some 270 bytes, and each future on its way would keep room for it; so what holds it is handed on, and
/// gives the request away at the last moment.
pub(crate) trait Held: Send {
    fn holding(request: Request<Body>) -> Self;
    fn get(&self) -> &Request<Body>;
    fn get_mut(&mut self) -> &mut Request<Body>;
    fn release(self) -> Request<Body>;
}
