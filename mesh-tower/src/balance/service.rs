//! [`Balance`].

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{Request, Response};
use mesh_core::balance::{BalancePolicy, Balancer, HostSet};
use mesh_core::outlier::HostState;
use mesh_core::reply::LocalReply;
use tower_service::Service;

use super::{ResponseBody, ResponseFuture};
use crate::clock::{FastRng, SharedRng};
use crate::error::{BoxError, Error};

/// Balances over keyed services; see the [module](super).
pub struct Balance<K, S> {
    shared: Arc<Shared<K, S>>,
}

struct Shared<K, S> {
    members: Vec<Member<K, S>>,
    panic_threshold: u32,
    rng: SharedRng,
    /// The balancer, and the set it picks from with who was ejected when it was built.
    picker: Mutex<(Balancer, HostSet, Vec<bool>)>,
}

struct Member<K, S> {
    key: K,
    weight: u32,
    service: S,
    active: Arc<AtomicU32>,
    health: Option<Arc<HostState>>,
}

impl<K, S> Balance<K, S> {
    /// Balances over services, each with a key and a weight.
    pub fn new(policy: BalancePolicy, services: impl IntoIterator<Item = (K, u32, S)>) -> Self {
        let member =
            |(key, weight, service)| Member { key, weight, service, active: Arc::default(), health: None };
        Self::of(policy, services.into_iter().map(member).collect(), 0)
    }

    /// Balances over services with the state that an [`Outlier`](crate::outlier::Outlier) keeps of
    /// each; when fewer than `panic_threshold` percent are in service, all are used (LB-14).
    pub fn with_health(
        policy: BalancePolicy,
        services: impl IntoIterator<Item = (K, u32, S, Arc<HostState>)>,
        panic_threshold: u32,
    ) -> Self {
        let member = |(key, weight, service, health)| Member {
            key,
            weight,
            service,
            active: Arc::default(),
            health: Some(health),
        };
        Self::of(policy, services.into_iter().map(member).collect(), panic_threshold)
    }

    fn of(policy: BalancePolicy, members: Vec<Member<K, S>>, panic_threshold: u32) -> Self {
        let rng = SharedRng::default();
        let balancer = rng.draw(|rng: &mut FastRng| Balancer::new(policy, rng));
        let picker = Mutex::new((balancer, HostSet::default(), Vec::new()));
        Self { shared: Arc::new(Shared { members, panic_threshold, rng, picker }) }
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.shared.members.iter().map(|member| &member.key)
    }

    fn pick(&self) -> Option<&Member<K, S>> {
        let Shared { members, panic_threshold, rng, picker } = &*self.shared;
        let mut picker = picker.lock().expect("no panic while picking");
        let (balancer, set, ejected) = &mut *picker;
        let out = |member: &Member<K, S>| member.health.as_ref().is_some_and(|health| !health.is_healthy());
        let changed = ejected.len() != members.len()
            || members.iter().zip(ejected.iter()).any(|(member, before)| out(member) != *before);
        if changed {
            *ejected = members.iter().map(out).collect();
            let weights: Vec<_> = members.iter().map(|member| member.weight).collect();
            let healthy: Vec<_> = ejected.iter().map(|out| !out).collect();
            *set = HostSet::build(set.generation + 1, &weights, &healthy, *panic_threshold);
        }
        let active = |index: usize| u64::from(members[index].active.load(Ordering::Relaxed));
        let index = rng.draw(|rng| balancer.pick(set, rng, active))?;
        Some(&members[index])
    }
}

impl<K, S, B, ResB> Service<Request<B>> for Balance<K, S>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S, Request<B>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.pick() {
            Some(member) => ResponseFuture::chosen(member.service.clone(), request, member.active.clone()),
            None => ResponseFuture::refused(Error::local(LocalReply::no_healthy_upstream())),
        }
    }
}

impl<K, S> Clone for Balance<K, S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<K: fmt::Debug, S> fmt::Debug for Balance<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use mesh_core::outlier::{Detector, OutlierPolicy};
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::body::Body;
    use crate::outlier::Outlier;

    #[tokio::test]
    async fn od_5_an_endpoint_that_fails_is_left_out() {
        let policy = OutlierPolicy { max_ejection_percent: 50, ..OutlierPolicy::default() };
        let detector = Arc::new(Detector::new(policy));
        let bad_calls = Arc::new(AtomicUsize::new(0));
        let endpoint = |status: u16, calls: Arc<AtomicUsize>| {
            let service = service_fn(move |_: Request<Body>| {
                calls.fetch_add(1, Ordering::Relaxed);
                async move { Response::builder().status(status).body(Body::empty()) }
            });
            Outlier::new(service, detector.clone(), 2)
        };
        let (good, bad) = (
            endpoint(200, Arc::default()).boxed_clone_health(),
            endpoint(503, bad_calls.clone()).boxed_clone_health(),
        );
        let balance = Balance::with_health(
            BalancePolicy::RoundRobin,
            [("good", 1, good.0, good.1), ("bad", 1, bad.0, bad.1)],
            0,
        );
        for _ in 0..100 {
            balance.clone().oneshot(Request::new(Body::empty())).await.unwrap();
        }
        assert_eq!(bad_calls.load(Ordering::Relaxed), 5, "consecutive5xxErrors is 5");
    }

    impl<S> Outlier<S>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = http::Error> + Clone + Send + 'static,
        S::Future: Send,
    {
        fn boxed_clone_health(
            self,
        ) -> (tower::util::BoxCloneService<Request<Body>, Response<Body>, BoxError>, Arc<HostState>) {
            let health = self.host().clone();
            (tower::util::BoxCloneService::new(self), health)
        }
    }

    #[tokio::test]
    async fn lb_4_nobody_to_pick_is_said_at_once() {
        let service =
            service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::empty())) });
        let none = [("a", 1, service)].into_iter().take(0);
        let error = Balance::new(BalancePolicy::Random, none).oneshot(Request::new(Body::empty())).await;
        assert_eq!(Error::from_box(error.unwrap_err()).reply().flags.to_string(), "UH");
    }

    #[tokio::test]
    async fn lb_2_a_response_in_hand_counts_as_active() {
        let service =
            service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::from("x"))) });
        let balance = Balance::new(BalancePolicy::LeastRequest, [("only", 1, service)]);
        let active = || balance.shared.members[0].active.load(Ordering::Relaxed);
        let response = balance.clone().oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(active(), 1);
        drop(response);
        assert_eq!(active(), 0);
    }
}
