//! The pick among the endpoints of the matched route's cluster.

use std::task::{Context, Poll};

use mesh_core::reply::LocalReply;
use tower_service::Service;

use super::Picking;
use super::choice::{chosen_or_picked, none};
use crate::error::{BoxError, Error};
use crate::request::passage::{Carry, Passage};

/// The service of [`BalanceLayer::per_route`](super::BalanceLayer::per_route).
#[derive(Clone, Debug)]
pub struct PerRoute<S> {
    pub(super) inner: S,
}

impl<S> Service<Passage> for PerRoute<S>
where
    S: Service<Passage, Error = BoxError> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Picking<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut passage: Passage) -> Self::Future {
        let admitted = passage.stage().pool.take();
        let Some(matched) = Carry::matched(&passage) else {
            debug_assert!(false, "the route layer stands outside the pick");
            return Picking::refused(Error::local(LocalReply::no_route()));
        };
        let Some(pool) = admitted.or_else(|| matched.pool(passage.request()).cloned()) else {
            return Picking::refused(Error::local(matched.no_cluster()));
        };
        match chosen_or_picked(&pool, matched, passage.request()) {
            Some(picked) => {
                passage.stage().picked = Some(picked);
                Picking::picked(self.inner.call(passage))
            }
            None if pool.cluster().following().is_some_and(|following| following.is_awaited()) => {
                let spare = self.inner.clone();
                Picking::awaiting(pool, std::mem::replace(&mut self.inner, spare), passage)
            }
            None => Picking::refused(none(&pool, matched)),
        }
    }
}
