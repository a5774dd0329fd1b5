//! [`Retry`].

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use mesh_core::retry::{RetryPolicy, Traits};
use tower_service::Service;

use super::layer::Fixed;
use super::loop_state::{Again, Source, mark};
use super::{REQUEST_CAP, ReplayBody, ReplayBudget, ResponseFuture};
use crate::body::Body;
use crate::clock::SharedRng;
use crate::error::BoxError;
use crate::route::Matched;

/// Retries; see the [module](super).
#[derive(Clone, Debug)]
pub struct Retry<S> {
    pub(super) inner: S,
    pub(super) fixed: Option<Fixed>,
    pub(super) rng: SharedRng,
    pub(super) replay: ReplayBudget,
}

impl<S, ResB> Service<Request<Body>> for Retry<S>
where
    S: Service<Request<Body>, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
    ResB: http_body::Body + Send + 'static,
    ResB::Data: Send,
    ResB::Error: Send,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ResponseFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let matched = request.extensions().get::<Matched>();
        let policy = match (&self.fixed, matched) {
            (Some(fixed), _) => fixed.policy.clone(),
            (None, Some(matched)) => for_request(&matched.route().retry, &request),
            (None, None) => Arc::new(RetryPolicy::off()),
        };
        let traits = Traits::of(request.method(), request.headers());
        // RT-20 asks for a copy of idempotent requests even where no retry is written.
        if !policy.may_retry_at_all(&traits) && !traits.idempotent {
            let (mut head, body) = request.into_parts();
            mark(&mut head.headers, &mut head.extensions, 1, &policy);
            return ResponseFuture::once(self.inner.call(Request::from_parts(head, body)));
        }
        let keep_body = policy.may_replay_body(&traits) || traits.idempotent;
        let matched = matched.cloned();
        let (mut head, body) = request.into_parts();
        let (source, body) = match body.try_clone() {
            Some(copy) => (Source::Whole(copy), body),
            None if keep_body => {
                let (replay, body) = ReplayBody::new(body, self.replay.clone(), REQUEST_CAP);
                (Source::Replay(replay), Body::replay(body))
            }
            None => (Source::Gone, body),
        };
        let again = Again::new(
            &mut head,
            source,
            policy,
            traits,
            matched,
            self.fixed.as_ref().map(|fixed| fixed.budget.clone()),
            self.rng.clone(),
        );
        let request = Request::from_parts(head, body);
        let spare = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, spare);
        let future = ready.call(request);
        ResponseFuture::new(future, ready, again)
    }
}

/// The route's policy as the request's own trusted headers change it (RT-5).
fn for_request(policy: &Arc<RetryPolicy>, request: &Request<Body>) -> Arc<RetryPolicy> {
    match policy.for_request(request.headers()) {
        Cow::Borrowed(_) => policy.clone(),
        Cow::Owned(changed) => Arc::new(changed),
    }
}
