//! [`Split`].

use std::task::{Context, Poll};

use http::Request;
use mesh_core::route::Action;
use tower_service::Service;

use crate::clock::SharedRng;
use crate::route::Matched;

/// Draws destinations; see the [module](super).
#[derive(Clone, Debug)]
pub struct Split<S> {
    pub(super) inner: S,
    pub(super) rng: SharedRng,
}

impl<S, B> Service<Request<B>> for Split<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(matched) = Matched::of_mut(request.extensions_mut()) {
            // A single destination is the first already, in the record too.
            if let Action::Forward(forward) = &matched.route().action
                && forward.destinations().len() > 1
            {
                let index = self.rng.draw(|rng| forward.split().pick(rng));
                matched.set_destination(index);
                matched.record().note(|decision| decision.destination = index);
            }
        }
        self.inner.call(request)
    }
}
