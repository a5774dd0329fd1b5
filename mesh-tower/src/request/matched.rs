//! What the route layer found.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::{Extensions, HeaderValue, Request, StatusCode};
use mesh_core::balance::HashKey;
use mesh_core::endpoint::ClusterId;
use mesh_core::fault::FaultPolicy;
use mesh_core::grpc_web;
use mesh_core::headers::Survey;
use mesh_core::outcome::GrpcCode;
use mesh_core::plan::ClusterKey;
use mesh_core::reply::LocalReply;
use mesh_core::route::{self, RequestView};

use super::facts::{Facts, VariableSource};
use super::options::{ByChannel, CallOptions};
use super::record::Record;
use crate::clock::SharedRng;
use crate::error::Error;
use crate::upstream::pool::ClusterPool;
use crate::upstream::worker::View;

/// gRPC's UNAVAILABLE.
const UNAVAILABLE: GrpcCode = 14;

/// The route of a request, the plan it came from, and the destination drawn for it.
///
/// Goes with the request, in its [`BoxedRequest`](crate::boxed_request::BoxedRequest) or its extensions. Cloning is three
/// reference counts, four if the call has options.
#[derive(Clone, Debug)]
pub struct Matched {
    view: Arc<View>,
    route: Arc<route::Route>,
    record: Record,
    survey: Survey,
    destination: usize,
    /// Another cluster than the destination's, for mirrors.
    instead: Option<ClusterId>,
    /// The pool of the host that the request names, once it was asked for; the retry layer's too.
    dialled: OnceLock<Arc<ClusterPool>>,
    deadline: Option<Instant>,
    key: Key,
    options: Option<Arc<CallOptions>>,
    channel: bool,
    grpc_web: Option<grpc_web::Call>,
}

/// The key that balancing goes by, where the route has one (LB-5).
#[derive(Clone, Debug, Default)]
struct Key {
    hash: Option<u64>,
    /// For the response: cookies that were made for the key (LB-6).
    set_cookies: Option<Arc<[HeaderValue]>>,
}

impl Matched {
    pub(crate) fn new(view: Arc<View>, route: Arc<route::Route>, record: Record, survey: Survey) -> Self {
        Self {
            view,
            route,
            record,
            survey,
            destination: 0,
            instead: None,
            dialled: OnceLock::new(),
            deadline: None,
            key: Key::default(),
            options: None,
            channel: false,
            grpc_web: None,
        }
    }

    /// Which kinds of header the request holds, so that not every layer has to look.
    pub(crate) const fn survey(&self) -> Survey {
        self.survey
    }

    pub(crate) fn set_survey(&mut self, survey: Survey) {
        self.survey = survey;
    }

    /// The page's call that is to be bridged (RF-6).
    pub(crate) const fn grpc_web(&self) -> Option<grpc_web::Call> {
        self.grpc_web
    }

    pub(crate) const fn set_grpc_web(&mut self, call: grpc_web::Call) {
        self.grpc_web = Some(call);
    }

    /// The request is gRPC from here on.
    pub(crate) const fn speaks_grpc(&mut self) {
        self.survey.grpc = true;
    }

    /// Takes over what the caller put into the request for us.
    pub(crate) fn take_options(&mut self, extensions: &mut Extensions) {
        if !extensions.is_empty() {
            self.options = extensions.remove::<CallOptions>().map(Arc::new);
            self.channel = extensions.remove::<ByChannel>().is_some();
        }
    }

    /// What this call wants otherwise (RT-18).
    pub(crate) fn options(&self) -> Option<&CallOptions> {
        self.options.as_deref()
    }

    /// Whether a gRPC channel of ours makes the call (RT-16).
    pub(crate) fn is_channel(&self) -> bool {
        self.channel
    }

    /// The faults of each attempt (FI-10): the call's own, or those that a test wants for the service.
    pub(crate) fn attempt_fault(&self) -> Option<&FaultPolicy> {
        match self.options().and_then(|options| options.attempt_fault.as_deref()) {
            Some(policy) => Some(policy),
            None if self.view.attempt_faults().is_empty() => None,
            None => {
                let service = &self.cluster()?.cluster().plan().service;
                let faults = self.view.attempt_faults();
                faults.get(&*service.host).or_else(|| faults.get(&*service.name))
            }
        }
    }

    /// Goes to another subset of the destination drawn (OU-4).
    pub(crate) fn pin(&mut self) {
        let Some(subset) = self.options.as_ref().and_then(|options| options.subset.clone()) else { return };
        let drawn = self.destination().and_then(|destination| self.view.plan().cluster(destination.cluster));
        let Some(plan) = drawn.map(|node| &node.policy) else { return };
        let key = ClusterKey::outbound(plan.service.host.clone(), plan.port, subset);
        let id = self.view.plan().cluster_id(&key);
        self.instead = Some(id.unwrap_or(ClusterId::UNKNOWN));
    }

    /// The route.
    #[must_use]
    pub fn route(&self) -> &Arc<route::Route> {
        &self.route
    }

    /// The record of this request.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn view(&self) -> &Arc<View> {
        &self.view
    }

    pub(crate) fn destination_index(&self) -> usize {
        self.destination
    }

    /// The destination drawn by the split; the first until then.
    pub(crate) fn destination(&self) -> Option<&route::Destination> {
        match &self.route.action {
            route::Action::Forward(forward) => forward.destinations().get(self.destination),
            _ => None,
        }
    }

    /// Draws the destination, by the key if there is one and the route says so (VA-3).
    pub(crate) fn draw(&mut self, key: Option<u64>, rng: &SharedRng) {
        // A single destination is the first already, in the record too.
        if let route::Action::Forward(forward) = &self.route.action
            && forward.destinations().len() > 1
        {
            let index = match (key, forward.sticky) {
                (Some(key), Some(salt)) => forward.split().pick_by_key(key, salt),
                _ => rng.draw(|rng| forward.split().pick(rng)),
            };
            self.destination = index;
            self.record.note(|decision| decision.destination = index);
        }
    }

    /// What `%VAR%` values of the operations on this request and its answer may ask, if any asks.
    pub(crate) fn facts<B>(&self, request: &Request<B>) -> Option<Box<Facts>> {
        self.route.has_variables(self.destination).then(|| {
            let cluster = self.cluster().map(|pool| pool.cluster().plan().name.clone());
            Box::new(Facts::of(&self.route.name, cluster, request))
        })
    }

    /// Whether rule or destination change the headers of the answer.
    pub(crate) fn changes_response(&self) -> bool {
        self.route.changes_response(self.destination)
    }

    /// Gives a local reply the response headers of rule and destination (RF-8).
    pub(crate) fn apply_refused(&self, error: &mut Error, mut facts: Option<&mut Facts>) {
        if let Some(facts) = &mut facts {
            facts.refused(error.reply().flags);
        }
        let facts = VariableSource::from(facts.map(|facts| &*facts));
        self.route.apply_response(self.destination, error.headers_mut(), &facts);
    }

    /// The answer to a request whose cluster does not exist (VA-2, GA-6).
    pub(crate) fn no_cluster(&self) -> LocalReply {
        let mut reply = LocalReply::no_cluster();
        if let route::Action::Forward(forward) = &self.route.action {
            reply.status = forward.unknown_cluster;
            // Under the Gateway API a call without a destination is UNAVAILABLE, not RF-4's UNKNOWN.
            if forward.unknown_cluster == StatusCode::INTERNAL_SERVER_ERROR {
                reply.grpc = Some(UNAVAILABLE);
            }
        }
        reply
    }

    /// The cluster the request goes to; `None` if its host or subset does not exist. Of a host that the request
    /// names, the registry's until [`pool`](Self::pool) has been asked.
    pub(crate) fn cluster(&self) -> Option<&Arc<ClusterPool>> {
        if let Some(dialled) = self.dialled.get() {
            return Some(dialled);
        }
        self.view.pool(self.cluster_id()?)
    }

    /// The cluster that it was pinned to, else the one drawn.
    fn cluster_id(&self) -> Option<ClusterId> {
        self.instead.or_else(|| Some(self.destination()?.cluster))
    }

    /// Notes which service the request was meant for, of one that is answered before it gets a destination.
    pub(crate) fn note_meant(&self) {
        let meant = self.cluster().map(|pool| pool.cluster().plan().clone());
        self.record.note(|decision| decision.cluster = meant);
    }

    /// The pool that the request is sent by: of its cluster, or of the host that it names where that is dialled
    /// rather than an endpoint of a cluster (H-8; SE-7 `NONE` and `DYNAMIC_DNS`).
    pub(crate) fn pool<B>(&self, request: &Request<B>) -> Option<&Arc<ClusterPool>> {
        let policy = match (&self.route.action, self.instead) {
            (route::Action::Passthrough, None) => None,
            _ => match self.view.dials_authority(self.cluster_id()?) {
                None => return self.cluster(),
                dialled => dialled,
            },
        };
        let passthrough = self.view.passthrough();
        let dial = || {
            let facts = RequestView::of(request);
            passthrough.pool(policy, facts.authority, facts.scheme == "https")
        };
        Some(self.dialled.get_or_init(dial))
    }

    /// The same match for a copy of the request that goes to `cluster`, with a record of its own.
    pub(crate) fn mirrored(&self, cluster: ClusterId) -> Self {
        // A copy has no key of its own: its response is dropped, and a cookie with it.
        let key = Key::default();
        let (instead, dialled) = (Some(cluster), OnceLock::new());
        Self { instead, dialled, record: Record::default(), options: None, key, ..self.clone() }
    }

    /// Whether destination or endpoint depend on a key of the request.
    pub(crate) fn is_keyed(&self) -> bool {
        let by_rule = matches!(&self.route.action, route::Action::Forward(forward) if forward.hash.is_some());
        by_rule || self.own_key().is_some()
    }

    /// Whether there is more than one place that the request may go to.
    pub(crate) fn is_open(&self) -> bool {
        let by_rule =
            matches!(&self.route.action, route::Action::Forward(forward) if forward.destinations().len() > 1);
        by_rule || self.options().is_some_and(|options| options.subset.is_some())
    }

    /// The key that the caller gave (OU-4).
    pub(crate) fn own_key(&self) -> Option<HashKey> {
        self.options()?.hash_key
    }

    /// The hash that the endpoint is picked by; `None` if there is no key.
    pub(crate) fn hash(&self) -> Option<u64> {
        self.key.hash
    }

    /// What the response sets for the next request to have the same key.
    pub(crate) fn set_cookies(&self) -> &[HeaderValue] {
        self.key.set_cookies.as_deref().unwrap_or_default()
    }

    pub(crate) fn set_key(&mut self, hash: Option<u64>, set_cookies: Vec<HeaderValue>) {
        let set_cookies = (!set_cookies.is_empty()).then(|| set_cookies.into());
        self.key = Key { hash, set_cookies };
    }

    /// When the whole request has to be answered.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }
}
