//! [`Fault`].

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use mesh_core::fault::{ActiveFaults, CONTROL_HEADERS, FaultPolicy, HeaderFaults, Injection};
use mesh_core::headers::control::has_any;
use mesh_core::reply::Flag;
use metrics::counter;
use tower_service::Service;

use super::active::ActiveFault;
use super::{ResponseBody, ResponseFuture};
use crate::clock::SharedRng;
use crate::error::{BoxError, Error};
use crate::request::Matched;
use crate::request::boxed_request::Carrier;
use crate::request::options::CallOptions;

/// Injects faults; see the [module](super).
#[derive(Clone, Debug)]
pub struct Fault<S> {
    pub(super) inner: S,
    pub(super) policy: Option<Arc<FaultPolicy>>,
    pub(super) rng: SharedRng,
    pub(super) active: Arc<ActiveFaults>,
}

impl<S, R: Carrier, ResB> Service<R> for Fault<S>
where
    S: Service<R, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut carrier: R) -> Self::Future {
        let matched = carrier.matched();
        let of_call =
            matched.and_then(Matched::options).and_then(|options: &CallOptions| options.fault.as_deref());
        let of_route = || matched.and_then(|matched| matched.route().fault.as_deref());
        let policy = self.policy.as_deref().or(of_call).or_else(of_route);
        let permitted = match (&self.policy, matched) {
            (Some(fixed), _) => fixed.headers,
            (None, Some(matched)) => matched.view().plan().settings.header_faults,
            (None, None) => None,
        };
        // A call's own option beats the headers (RT-18).
        let permitted = permitted.filter(|_| of_call.is_none());
        let steered = matched.is_none_or(|matched| matched.survey().envoy);
        let asked = permitted.filter(|_| steered && has_any(carrier.request().headers(), &CONTROL_HEADERS));
        if policy.is_none() && asked.is_none() {
            return ResponseFuture::calling(self.inner.call(carrier));
        }
        let Some(policy) = effective(policy, asked, carrier.request().headers()) else {
            return ResponseFuture::calling(self.inner.call(carrier));
        };
        let injection = self.rng.draw(|rng| policy.decide(rng));
        let (injection, active) = self.admit(injection, &policy);
        if let (Some(delay), Some(record)) = (injection.delay, carrier.record()) {
            record.note(|decision| {
                decision.delay = Some(delay);
                decision.flags.set(Flag::DelayInjected);
            });
        }
        let mut abort = injection.abort.map(|abort| Error::local(abort.reply()));
        if let Some(error) = &mut abort {
            // The layers below draw no destination for a request that ends here.
            if let Some(matched) = carrier.matched_mut() {
                matched.draw(None, &self.rng);
            }
            if let Some(matched) = carrier.matched() {
                matched.note_meant();
                refuse(error, matched, carrier.request());
            }
        }
        if asked.is_some() {
            for name in &CONTROL_HEADERS {
                carrier.request_mut().headers_mut().remove(name);
            }
        }
        count(&injection);
        match (injection.delay, abort) {
            (None, None) => {
                ResponseFuture::calling(self.inner.call(carrier)).holding(injection.throttle, active)
            }
            (None, Some(error)) => ResponseFuture::aborted(error),
            (Some(delay), abort) => {
                let spare = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, spare);
                ResponseFuture::delayed(delay, abort, ready, carrier).holding(injection.throttle, active)
            }
        }
    }
}

impl<S> Fault<S> {
    /// Admits the faults of a request, or none if the policy's limit of active faults is reached (FI-7).
    fn admit(&self, injection: Injection, policy: &FaultPolicy) -> (Injection, Option<ActiveFault>) {
        if injection.is_none() || policy.max_active.is_none() {
            return (injection, None);
        }
        if self.active.try_begin(policy) {
            return (injection, Some(ActiveFault(self.active.clone())));
        }
        counter!("envoy_http_fault_faults_overflow").increment(1);
        (Injection::NONE, None)
    }
}

/// The policy, changed by the headers as far as they are permitted.
fn effective<'a>(
    policy: Option<&'a FaultPolicy>,
    asked: Option<HeaderFaults>,
    headers: &HeaderMap,
) -> Option<Cow<'a, FaultPolicy>> {
    match (policy, asked) {
        (policy, Some(permitted)) => {
            let none = FaultPolicy::default();
            Some(Cow::Owned(permitted.applied_to(policy.unwrap_or(&none), headers)))
        }
        (policy, None) => policy.map(Cow::Borrowed),
    }
}

/// Applies the header operations of rule and destination to the response of an abort (RF-8).
fn refuse<B>(error: &mut Error, matched: &Matched, request: &Request<B>) {
    if matched.changes_response() {
        let mut facts = matched.facts(request);
        matched.apply_refused(error, facts.as_deref_mut());
    }
}

fn count(injection: &Injection) {
    if injection.delay.is_some() {
        counter!("envoy_http_fault_delays_injected").increment(1);
    }
    if injection.abort.is_some() {
        counter!("envoy_http_fault_aborts_injected").increment(1);
    } else if injection.throttle.is_some() {
        counter!("envoy_http_fault_response_rl_injected").increment(1);
    }
}
