//! [`Split`].

use std::task::{Context, Poll};

use mesh_core::balance::Hashed;
use mesh_core::rng::Rng;
use mesh_core::route::{Action, RequestView};
use tower_service::Service;

use crate::clock::{FastRng, SharedRng};
use crate::request::boxed_request::Carrier;
use crate::request::{Downstream, Matched};

/// Draws destinations; see the [module](super).
#[derive(Clone, Debug)]
pub struct Split<S> {
    pub(super) inner: S,
    pub(super) rng: SharedRng,
}

impl<S> Split<S> {
    /// Notes the key (LB-5) and draws, by the key if the route says so.
    fn by_key<R: Carrier>(&self, carrier: &mut R) {
        let Some(Hashed { hash, first, set_cookies }) = self.key(carrier) else { return };
        let Some(matched) = carrier.matched_mut() else { return };
        matched.set_key(hash, set_cookies);
        matched.draw(first, &self.rng);
        matched.pin();
    }

    /// The key of a request: the call's own key, else the key in its headers.
    fn key<R: Carrier>(&self, carrier: &R) -> Option<Hashed> {
        let request = carrier.request();
        let matched = carrier.matched()?;
        let policy = match &matched.route().action {
            Action::Forward(forward) => forward.hash.as_ref(),
            _ => None,
        };
        if let Some(key) = matched.own_key() {
            return Some(policy.map_or_else(|| key.into(), |policy| policy.hash_of(key)));
        }
        let policy = policy?;
        let source = || {
            let client = matched.record().note(|decision| decision.client);
            client
                .or_else(|| request.extensions().get::<Downstream>().map(Downstream::peer))
                .map(|peer| peer.ip())
        };
        let draw = || self.rng.draw(|rng: &mut FastRng| rng.next_u64());
        Some(policy.hash(&RequestView::of(request), source, draw))
    }
}

impl<S, R: Carrier> Service<R> for Split<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut carrier: R) -> S::Future {
        let matched = carrier.matched();
        let is_keyed = matched.is_some_and(Matched::is_keyed);
        if is_keyed {
            self.by_key(&mut carrier);
        } else if matched.is_some_and(Matched::is_open)
            && let Some(matched) = carrier.matched_mut()
        {
            matched.draw(None, &self.rng);
            matched.pin();
        }
        self.inner.call(carrier)
    }
}
