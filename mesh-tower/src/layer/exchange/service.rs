//! [`Exchange`].

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::Response;
use http::header::UPGRADE;
use mesh_core::outcome::Outcome;
use mesh_core::reply::LocalReply;
use mesh_core::retry::is_idempotent;
use tower_service::Service;

use super::ResponseBody;
use super::send::{Unsent, address, checkout, send_within};
use crate::error::{BoxError, Error};
use crate::request::boxed_request::BoxedRequest;
use crate::request::{Attempt, PerTryTimeout};
use crate::upstream::pool::Failure;

/// Sends each request to the endpoint of its attempt; see the [module](super).
///
/// The future is boxed, and the only one in a stack that is: it is larger than all layers' together, which would
/// else each move it, and a server keeps room for the whole future with every connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exchange(());

impl Exchange {
    /// Within [`OutlierLayer::per_route`](crate::outlier::OutlierLayer::per_route), which begins the attempt.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Service<BoxedRequest> for Exchange {
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, boxed: BoxedRequest) -> Self::Future {
        // Not `pin`: the future is made in its place, and not moved there.
        let exchange = Box::write(Box::new_uninit(), exchange(boxed));
        Box::into_pin(exchange)
    }
}

/// How often a request that never left is moved to another connection before that counts as a
/// failure: each time, a connection that looked alive was found dead.
const MOVES: usize = 8;

async fn exchange(mut boxed: BoxedRequest) -> Result<Response<ResponseBody>, BoxError> {
    let Some(attempt) = boxed.stage().attempt.take() else {
        let missing = "there is no OutlierLayer::per_route between BalanceLayer::per_route and Exchange";
        return Err(Error::local(LocalReply::no_healthy_upstream()).because(missing.into()).into());
    };
    let endpoint = attempt.endpoint();
    let request = boxed.request_mut();
    let mut protocol = endpoint.protocol(request.version());
    let switches = attempt.matched().survey().hop_by_hop && request.headers().contains_key(UPGRADE);
    let per_try = request.extensions_mut().remove::<PerTryTimeout>();
    let repeatable = is_idempotent(request.method(), request.headers());
    let (mut moves, mut addressed) = (0, None);
    loop {
        let mut lease = match checkout(endpoint, &mut protocol, switches, repeatable).await {
            Ok(lease) => lease,
            Err(Unsent::Overflow) => return Err(Error::local(LocalReply::overflow()).into()),
            Err(Unsent::Failed(error)) => return Err(placed(&attempt, error)),
        };
        if addressed != Some(protocol) {
            if let Err(source) = address(boxed.request_mut(), protocol, endpoint.is_secure()) {
                let reply = LocalReply::bad_request("invalid_authority");
                return Err(placed(&attempt, Error::caller(reply, Some(source))));
            }
            addressed = Some(protocol);
        }
        attempt.sent();
        let result = match per_try {
            None => lease.send(boxed).await,
            // Boxed: most attempts have no limit, and would keep room for it.
            Some(PerTryTimeout(limit)) => match Box::pin(send_within(limit, &mut lease, boxed)).await {
                Some(result) => result,
                None => return Err(placed(&attempt, Error::attempt(Outcome::PerTryTimeout, None))),
            },
        };
        match result {
            Ok(response) => {
                attempt.answered_on(lease);
                return Ok(response.map(ResponseBody::from));
            }
            Err(Failure { request: Some(unsent), .. }) if moves < MOVES => {
                moves += 1;
                boxed = unsent;
            }
            Err(failure) => return Err(placed(&attempt, failure.error())),
        }
    }
}

/// The error with the place where it happened.
fn placed(attempt: &Attempt, error: Error) -> BoxError {
    attempt.matched().advise(error.context(attempt.place())).into()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::body::Body;
    use crate::http::request_holder::RequestHolder as _;

    /// From 1 KiB on the allocator takes its slow path.
    #[test]
    fn the_future_of_an_exchange_stays_small() {
        let future = exchange(BoxedRequest::holding(Request::new(Body::empty())));
        assert!(size_of_val(&future) <= 984, "{}", size_of_val(&future));
    }
}
