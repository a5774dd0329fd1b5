//! The pick among the endpoints of the matched route's cluster.

use std::task::{Context, Poll};

use mesh_core::reply::LocalReply;
use tower_service::Service;

use super::Picking;
use super::choice::{chosen_or_picked, none};
use crate::error::{BoxError, Error};
use crate::request::boxed_request::{BoxedRequest, Carry};

/// The service of [`BalanceLayer::per_route`](super::BalanceLayer::per_route).
#[derive(Clone, Debug)]
pub struct PerRoute<S> {
    pub(super) inner: S,
}

impl<S> Service<BoxedRequest> for PerRoute<S>
where
    S: Service<BoxedRequest, Error = BoxError> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Picking<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut boxed: BoxedRequest) -> Self::Future {
        let Some(matched) = Carry::matched(&boxed) else {
            debug_assert!(false, "the route layer stands outside the pick");
            return Picking::refused(Error::local(LocalReply::no_route()));
        };
        let Some(pool) = matched.pool(boxed.request()) else {
            return Picking::refused(Error::local(matched.no_cluster()));
        };
        match chosen_or_picked(pool, matched, boxed.request()) {
            Some(picked) => {
                boxed.stage().picked = Some(picked);
                Picking::picked(self.inner.call(boxed))
            }
            None if pool.cluster().following().is_some_and(|following| following.is_awaited()) => {
                let spare = self.inner.clone();
                let pool = pool.clone();
                Picking::awaiting(pool, std::mem::replace(&mut self.inner, spare), boxed)
            }
            None => Picking::refused(none(pool, matched)),
        }
    }
}
