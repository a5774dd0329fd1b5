//! [`Retry`].

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Response};
use mesh_core::retry::{Budget, RetryPolicy, Traits};
use tower_service::Service;

use super::loop_state::{Again, Source, mark, strip_control};
use super::tried::Tried;
use super::{REQUEST_CAP, ReplayBody, ReplayBudget, ResponseFuture};
use crate::body::Body;
use crate::clock::SharedRng;
use crate::error::BoxError;
use crate::request::Matched;
use crate::request::boxed_request::Carrier;

/// Retries; see the [module](super).
#[derive(Clone, Debug)]
pub struct Retry<S> {
    pub(super) inner: S,
    pub(super) fixed: Option<Fixed>,
    pub(super) rng: Option<SharedRng>,
    pub(super) replay: ReplayBudget,
    pub(super) judged_within: bool,
}

/// A policy with a budget of its own.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    pub(super) policy: Arc<RetryPolicy>,
    pub(super) budget: Arc<Budget>,
}

impl<S, R, ResB> Service<R> for Retry<S>
where
    R: Carrier<Body = Body>,
    S: Service<R, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
    ResB: http_body::Body + Send + 'static,
    ResB::Data: Send,
    ResB::Error: Send,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ResponseFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut carrier: R) -> Self::Future {
        let (request, matched) = (carrier.request(), carrier.matched());
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
        let mut traits = match matched {
            Some(matched) => Traits::knowing(matched.survey().grpc, request.method(), request.headers()),
            None => Traits::of(request.method(), request.headers()),
        };
        if let Some(idempotent) = matched.and_then(Matched::options).and_then(|options| options.idempotent) {
            traits.idempotent = idempotent;
        }
        // RT-20 asks for a copy of idempotent requests even where no retry is written.
        let may_repeat = policy.may_retry_at_all(&traits) || traits.idempotent;
        let per_try_timeout = policy.per_try_timeout;
        // For a balancer within; in the stack, the cluster knows.
        let avoids = self.fixed.is_some() && policy.avoid_previous_hosts;
        let tried = avoids.then(|| Tried::redrawing(policy.host_selection_attempts));
        let steered = matched.is_none_or(|matched| matched.survey().envoy);
        let request = carrier.request_mut();
        if steered {
            strip_control(request.headers_mut());
        }
        let bounds = !self.judged_within && per_try_timeout.is_some();
        if !may_repeat && !bounds && self.fixed.is_none() {
            mark(request, 1, per_try_timeout);
            return ResponseFuture::once(self.inner.call(carrier));
        }
        if let Some(tried) = tried {
            request.extensions_mut().insert(tried);
        }
        // Also for a policy that repeats nothing but failed connects: the body has gone with its request.
        let source = match request.body().try_clone() {
            _ if !may_repeat => Source::Gone,
            Some(copy) => Source::Whole(copy),
            None => {
                let body = std::mem::take(request.body_mut());
                let (replay, body) = ReplayBody::new(body, self.replay.clone(), REQUEST_CAP);
                *request.body_mut() = Body::replay(body);
                Source::Replay(replay)
            }
        };
        let spare = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, spare);
        let budget = self.fixed.as_ref().map(|fixed| fixed.budget.clone());
        let rng = self.rng.clone();
        let mut kept = Box::write(
            Box::new_uninit(),
            (ready, Again::new(&carrier, source, given, traits, budget, rng, self.judged_within)),
        );
        // Not before the copy is made: each attempt has marks of its own.
        kept.1.begin(carrier.request_mut());
        let future = kept.0.call(carrier);
        ResponseFuture::new(future, kept)
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
