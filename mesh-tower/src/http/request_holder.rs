//! A request that stays in one place in memory until it is sent.

use http::Request;

use super::body::Body;

/// A holder of a request, with or without facts about it.
///
/// A request has some 270 bytes, and each future that owns it would be larger by them. So the layers hand on its holder,
/// which releases the request at the last moment. The trait keeps the other contents of a holder out of the pool: a
/// request that comes back unsent may come in a new holder without those contents.
pub(crate) trait RequestHolder: Send {
    fn holding(request: Request<Body>) -> Self;
    fn get(&self) -> &Request<Body>;
    fn get_mut(&mut self) -> &mut Request<Body>;
    fn release(self) -> Request<Body>;
}
