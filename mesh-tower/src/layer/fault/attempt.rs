//! What an attempt meets in place of its endpoint (FI-10).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use mesh_core::fault::{FaultPolicy, Injection};
use mesh_core::outcome::Outcome;
use mesh_core::reply::Flag;
use tokio::time::{Sleep, sleep};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::{BoxError, Error};
use crate::grpc;
use crate::request::Matched;
use crate::request::boxed_request::Carrier;

/// Injects faults into attempts: a delay, which the timeouts see, and then perhaps an answer, which the retries judge
/// like an endpoint's; made by [`FaultLayer::per_attempt`](super::FaultLayer::per_attempt).
#[derive(Clone, Copy, Debug)]
pub struct AttemptFaultLayer(pub(super) ());

impl<S> Layer<S> for AttemptFaultLayer {
    type Service = AttemptFault<S>;

    fn layer(&self, inner: S) -> AttemptFault<S> {
        AttemptFault { inner }
    }
}

/// The service of [`AttemptFaultLayer`].
#[derive(Clone, Debug)]
pub struct AttemptFault<S> {
    inner: S,
}

impl<S, R: Carrier, ResB> Service<R> for AttemptFault<S>
where
    S: Service<R, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
    ResB: From<Bytes>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = Meeting<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, carrier: R) -> Self::Future {
        let drawn = carrier.matched().and_then(|matched| Some(draw(matched, matched.attempt_fault()?)));
        match drawn {
            None => Meeting { state: State::Calling(self.inner.call(carrier)) },
            Some(injection) => {
                let spare = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, spare);
                let delay = injection.delay.map(|delay| Box::pin(sleep(delay)));
                let met = Met { delay, injection, service, carrier };
                Meeting { state: State::Delaying(Some(Box::new(met))) }
            }
        }
    }
}

/// Draws the fault, and notes the delay.
fn draw(matched: &Matched, policy: &FaultPolicy) -> Injection {
    let injection = matched.view().rng().draw(|rng| policy.decide(rng));
    if let Some(delay) = injection.delay {
        matched.record().note(|decision| {
            decision.delay = Some(delay);
            decision.flags.set(Flag::DelayInjected);
        });
    }
    injection
}

/// The answer in place of an endpoint's, if there is to be one.
fn answer<B: From<Bytes>>(matched: &Matched, injection: &Injection) -> Option<Response<B>> {
    let response = Error::local(injection.abort?.reply()).whole_response(matched.survey().grpc);
    let outcome = Outcome::Response {
        status: response.status(),
        grpc: grpc::status(response.headers()),
        in_trailers: false,
    };
    matched.record().note(|decision| {
        decision.begin_attempt(None);
        decision.end_attempt(outcome);
        if let Some(attempt) = decision.attempts.last_mut() {
            attempt.injected = true;
        }
        decision.flags.set(Flag::FaultInjected);
    });
    Some(response.map(B::from))
}

/// The future of [`AttemptFault`]: the inner call, or what is injected.
#[pin_project::pin_project]
pub struct Meeting<S: Service<R>, R> {
    #[pin]
    state: State<S, R, S::Future>,
}

#[pin_project::pin_project(project = Project)]
enum State<S, R, F> {
    // Delaying => (Calling | done). Boxed: most attempts meet nothing, and each would keep room for it.
    Delaying(Option<Box<Met<S, R>>>),
    // Calling => done
    Calling(#[pin] F),
}

struct Met<S, R> {
    delay: Option<Pin<Box<Sleep>>>,
    injection: Injection,
    service: S,
    carrier: R,
}

impl<S, R: Carrier, ResB> Future for Meeting<S, R>
where
    S: Service<R, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ResB: From<Bytes>,
{
    type Output = Result<Response<ResB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                Project::Calling(future) => return future.poll(cx).map_err(Into::into),
                Project::Delaying(met) => {
                    if let Some(delay) = &mut met.as_deref_mut().expect("left at once").delay {
                        ready!(delay.as_mut().poll(cx));
                    }
                    let Met { injection, mut service, carrier, .. } =
                        *met.take().expect("it was just polled");
                    let matched = carrier.matched().expect("it has a fault of its route");
                    if let Some(response) = answer(matched, &injection) {
                        return Poll::Ready(Ok(response));
                    }
                    State::Calling(service.call(carrier))
                }
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<R>, R> fmt::Debug for Meeting<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meeting").finish_non_exhaustive()
    }
}
