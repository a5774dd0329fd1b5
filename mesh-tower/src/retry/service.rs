//! [`Retry`].

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use mesh_core::retry::{RetryPolicy, Traits};
use tower_service::Service;

use super::layer::Fixed;
use super::loop_state::{Again, Source, mark, strip_control};
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
        let matched = Matched::of(request.extensions());
        let given = match (&self.fixed, matched) {
            (Some(fixed), _) => Some(fixed.policy.clone()),
            (None, Some(matched)) => match matched.options().and_then(|options| options.retry.clone()) {
                // A call's own option beats the headers too (RT-18).
                Some(own) => Some(own),
                None => changed(matched, request.headers()).map(Arc::new),
            },
            (None, None) => Some(Arc::new(RetryPolicy::off())),
        };
        let of_route = || &*matched.expect("else one is given").route().retry;
        let policy = given.as_deref().unwrap_or_else(of_route);
        let mut traits = Traits::of(request.method(), request.headers());
        if let Some(idempotent) = matched.and_then(Matched::options).and_then(|options| options.idempotent) {
            traits.idempotent = idempotent;
        }
        // RT-20 asks for a copy of idempotent requests even where no retry is written.
        let may_repeat = policy.may_retry_at_all(&traits) || traits.idempotent;
        // Also for a policy that repeats nothing but failed connects: the body has gone with its request.
        let keep_body = may_repeat;
        let per_try_timeout = policy.per_try_timeout;
        let steered = matched.is_none_or(|matched| matched.survey().envoy);
        let (mut head, body) = request.into_parts();
        if steered {
            strip_control(&mut head.headers);
        }
        mark(&mut head.headers, &mut head.extensions, 1, per_try_timeout);
        if !may_repeat {
            return ResponseFuture::once(self.inner.call(Request::from_parts(head, body)));
        }
        let (source, body) = match body.try_clone() {
            Some(copy) => (Source::Whole(copy), body),
            None if keep_body => {
                let (replay, body) = ReplayBody::new(body, self.replay.clone(), REQUEST_CAP);
                (Source::Replay(replay), Body::replay(body))
            }
            None => (Source::Gone, body),
        };
        let again = Again::new(
            &head,
            source,
            given,
            traits,
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

/// The route's policy as the request's own trusted headers change it (RT-5); `None` if they do not.
fn changed(matched: &Matched, headers: &HeaderMap) -> Option<RetryPolicy> {
    if !matched.survey().envoy {
        return None;
    }
    match matched.route().retry.for_request(headers) {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    }
}
