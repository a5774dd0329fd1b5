//! [`Balance`].

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use mesh_core::balance::{BalancePolicy, Balancer, HashKey, HostSet, PickFacts};
use mesh_core::outlier::HostState;
use mesh_core::reply::LocalReply;
use tower_service::Service;

use super::active::Work;
use super::{Active, ResponseBody, ResponseFuture};
use crate::clock::{FastRng, SharedRng};
use crate::error::{BoxError, Error};
use crate::request::options::CallOptions;
use crate::retry::Tried;

/// Balances over keyed services; see the [module](super).
pub struct Balance<K, S> {
    shared: Arc<Shared<K, S>>,
}

struct Shared<K, S> {
    members: Vec<Member<K, S>>,
    panic_threshold: u32,
    rng: SharedRng,
    picker: Mutex<Picker>,
}

struct Picker {
    balancer: Balancer,
    set: HostSet,
    /// Who was ejected when the set was built.
    ejected: Vec<bool>,
    /// What members are hashed by.
    names: Option<Vec<String>>,
}

struct Member<K, S> {
    key: K,
    weight: u32,
    service: S,
    work: Arc<Work>,
    health: Option<Arc<HostState>>,
}

impl<K, S> Balance<K, S> {
    /// Balances over services, each with a key and a weight.
    pub fn new(policy: BalancePolicy, services: impl IntoIterator<Item = (K, u32, S)>) -> Self {
        let member =
            |(key, weight, service)| Member { key, weight, service, work: Arc::default(), health: None };
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
            work: Arc::default(),
            health: Some(health),
        };
        Self::of(policy, services.into_iter().map(member).collect(), panic_threshold)
    }

    fn of(policy: BalancePolicy, members: Vec<Member<K, S>>, panic_threshold: u32) -> Self {
        let rng = SharedRng::default();
        let balancer = rng.draw(|rng: &mut FastRng| Balancer::new(policy, rng));
        let picker = Picker { balancer, set: HostSet::default(), ejected: Vec::new(), names: None };
        let picker = Mutex::new(picker);
        Self { shared: Arc::new(Shared { members, panic_threshold, rng, picker }) }
    }

    /// Names what a hash policy hashes each service by; without, it picks at random. The same names, in
    /// any order, give the same choice in every process.
    ///
    /// # Panics
    /// Never: nothing panics while the lock is held.
    #[must_use]
    pub fn hashed_by(self, name: impl Fn(&K) -> String) -> Self {
        let names = self.keys().map(name).collect();
        let mut picker = self.shared.picker.lock().expect("no panic while picking");
        picker.names = Some(names);
        // The next pick builds the set anew.
        picker.ejected.clear();
        drop(picker);
        self
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.shared.members.iter().map(|member| &member.key)
    }

    /// The service that is picked, and the request's place among its own.
    fn pick(&self, request: &Extensions) -> Option<(&Member<K, S>, Active)> {
        let key = request.get::<CallOptions>().and_then(|options| options.hash_key);
        let tried = request.get::<Tried>();
        let this = Arc::as_ptr(&self.shared).addr();
        let Shared { members, panic_threshold, rng, picker } = &*self.shared;
        let mut picker = picker.lock().expect("no panic while picking");
        let Picker { balancer, set, ejected, names } = &mut *picker;
        let out = |member: &Member<K, S>| member.health.as_ref().is_some_and(|health| health.is_ejected());
        let changed = ejected.len() != members.len()
            || members.iter().zip(ejected.iter()).any(|(member, before)| out(member) != *before);
        if changed {
            *ejected = members.iter().map(out).collect();
            let weights: Vec<_> = members.iter().map(|member| member.weight).collect();
            let healthy: Vec<_> = ejected.iter().map(|out| !out).collect();
            *set = HostSet::build(set.generation + 1, &weights, &healthy, *panic_threshold);
            if let Some(names) = names {
                *set =
                    std::mem::take(set).hashed(balancer.policy(), None, |index| names[index].as_str().into());
            }
        }
        let policy = balancer.policy();
        let redraws = tried.map_or(0, Tried::redraws);
        let facts = PickFacts { hash: key.map(HashKey::hash), redraws, ..PickFacts::default() };
        let load = |index: usize| members[index].work.load(policy);
        let poor = |index: usize| tried.is_some_and(|tried| tried.has(this, index));
        let index = rng.draw(|rng| balancer.pick_for(set, rng, &facts, load, poor))?;
        if let Some(tried) = tried {
            tried.note(this, index);
        }
        let member = &members[index];
        Some((member, Active::begin(member.work.clone(), policy, request)))
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
        match self.pick(request.extensions()) {
            Some((member, active)) => ResponseFuture::chosen(member.service.clone(), request, active),
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use mesh_core::outlier::{Detector, OutlierPolicy};
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::body::Body;
    use crate::outlier::{self, Outlier};

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

    type Boxed = tower::util::BoxCloneService<Request<Body>, Response<outlier::ResponseBody<Body>>, BoxError>;

    impl<S> Outlier<S>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = http::Error> + Clone + Send + 'static,
        S::Future: Send,
    {
        fn boxed_clone_health(self) -> (Boxed, Arc<HostState>) {
            let health = self.host().clone();
            (tower::util::BoxCloneService::new(self), health)
        }
    }

    /// Wish 5: the slow one of ten gets next to nothing.
    #[tokio::test(start_paused = true)]
    async fn wish_5_peak_ewma_avoids_the_slow_service() {
        use std::time::Duration;
        let slow_calls = Arc::new(AtomicUsize::new(0));
        let services = (0..10).map(|index| {
            let slow_calls = slow_calls.clone();
            let service = service_fn(move |_: Request<Body>| {
                let slow = index == 0;
                slow_calls.fetch_add(usize::from(slow), Ordering::Relaxed);
                async move {
                    tokio::time::sleep(Duration::from_millis(if slow { 1_000 } else { 10 })).await;
                    Ok::<_, BoxError>(Response::new(Body::empty()))
                }
            });
            (index, 1, service)
        });
        let balance = Balance::new(BalancePolicy::peak_ewma(), services);
        for _ in 0..500 {
            balance.clone().oneshot(Request::new(Body::empty())).await.unwrap();
        }
        let calls = slow_calls.load(Ordering::Relaxed);
        assert!(calls <= 5, "{calls} of 500");
    }

    /// Wish 5: nor does one that fails at once draw the calls to itself.
    #[tokio::test(start_paused = true)]
    async fn wish_5_peak_ewma_takes_no_failure_for_a_fast_answer() {
        use std::time::Duration;
        for grpc in [false, true] {
            let bad_calls = Arc::new(AtomicUsize::new(0));
            let services = (0..10).map(|index| {
                let bad_calls = bad_calls.clone();
                let service = service_fn(move |_: Request<Body>| {
                    let bad = index == 0;
                    bad_calls.fetch_add(usize::from(bad), Ordering::Relaxed);
                    async move {
                        let mut response = Response::new(Body::empty());
                        if !bad {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        } else if grpc {
                            let headers = response.headers_mut();
                            headers.insert("content-type", "application/grpc".parse().unwrap());
                            headers.insert("grpc-status", 14.into());
                        } else {
                            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                        }
                        Ok::<_, BoxError>(response)
                    }
                });
                (index, 1, service)
            });
            let balance = Balance::new(BalancePolicy::peak_ewma(), services);
            for _ in 0..500 {
                balance.clone().oneshot(Request::new(Body::empty())).await.unwrap();
            }
            let calls = bad_calls.load(Ordering::Relaxed);
            assert!(calls <= 5, "{calls} of 500");
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
    async fn lb_7_lb_8_a_key_meets_the_service_of_its_name() {
        let named = |name: &'static str| {
            let service = service_fn(move |_: Request<Body>| async move {
                Ok::<_, BoxError>(Response::builder().header("name", name).body(Body::empty()).unwrap())
            });
            (name, 1, service)
        };
        for policy in [BalancePolicy::RingHash { minimum: 1_024 }, BalancePolicy::Maglev { size: 101 }] {
            let one = Balance::new(policy, ["a", "b", "c"].map(named)).hashed_by(|name| (*name).to_owned());
            let other = Balance::new(policy, ["c", "a", "b"].map(named)).hashed_by(|name| (*name).to_owned());
            let mut met = std::collections::HashSet::new();
            for key in 0..60_u32 {
                let mut names = Vec::new();
                for balance in [&one, &other] {
                    let mut request = Request::new(Body::empty());
                    request.extensions_mut().insert(CallOptions::new().hash_key(key.to_le_bytes()));
                    let response = balance.clone().oneshot(request).await.unwrap();
                    names.push(response.headers()["name"].to_str().unwrap().to_owned());
                }
                assert_eq!(names[0], names[1], "{policy:?}");
                met.insert(names.remove(0));
            }
            assert_eq!(met.len(), 3, "{policy:?}");
            let mut met = std::collections::HashSet::new();
            for _ in 0..60 {
                let response = one.clone().oneshot(Request::new(Body::empty())).await.unwrap();
                met.insert(response.headers()["name"].to_str().unwrap().to_owned());
            }
            assert_eq!(met.len(), 3, "without a key it is random");
        }
    }

    #[tokio::test]
    async fn lb_2_a_response_in_hand_counts_as_active() {
        let service =
            service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::from("x"))) });
        let balance = Balance::new(BalancePolicy::LeastRequest, [("only", 1, service)]);
        let active = || balance.shared.members[0].work.active();
        let response = balance.clone().oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(active(), 1);
        drop(response);
        assert_eq!(active(), 0);
    }
}
