//! [`Fault`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use mesh_core::fault::FaultPolicy;
use mesh_core::reply::Flag;
use tower_service::Service;

use super::ResponseFuture;
use crate::clock::SharedRng;
use crate::error::{BoxError, Error};
use crate::grpc::is_grpc;
use crate::route::Matched;

/// Injects faults; see the [module](super).
#[derive(Clone, Debug)]
pub struct Fault<S> {
    pub(super) inner: S,
    pub(super) policy: Option<Arc<FaultPolicy>>,
    pub(super) rng: SharedRng,
}

impl<S, B, ResB> Service<Request<B>> for Fault<S>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let matched = Matched::of(request.extensions());
        let policy = match (&self.policy, matched) {
            (Some(policy), _) => Some(&**policy),
            (None, Some(matched)) => matched.route().fault.as_ref(),
            (None, None) => None,
        };
        let Some(policy) = policy else {
            return ResponseFuture::calling(self.inner.call(request));
        };
        let injection = self.rng.draw(|rng| policy.decide(rng));
        if let Some(matched) = matched
            && let Some(delay) = injection.delay
        {
            matched.record().note(|decision| {
                decision.delay = Some(delay);
                decision.flags.set(Flag::DelayInjected);
            });
        }
        if let Some(matched) = matched
            && injection.abort.is_some()
        {
            // No destination will be drawn; metrics tell which service the request was meant for.
            let meant = matched.cluster().map(|pool| pool.cluster().plan().clone());
            matched.record().note(|decision| decision.cluster = meant);
        }
        let abort = injection.abort.map(|abort| Error::local(abort.reply(is_grpc(request.headers()))));
        match (injection.delay, abort) {
            (None, None) => ResponseFuture::calling(self.inner.call(request)),
            (None, Some(error)) => ResponseFuture::aborted(error),
            (Some(delay), abort) => {
                let spare = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, spare);
                ResponseFuture::delayed(delay, abort, ready, request)
            }
        }
    }
}
