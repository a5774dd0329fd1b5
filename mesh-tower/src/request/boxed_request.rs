//! A request on its way through the stack, in a box with the facts that layers found.
//!
//! A [`Request`] is some 270 bytes, and each layer that is given one by value moves it; what layers tell
//! one another would have to be looked up in its extensions, by a hash of a type, some twenty times. So the
//! stack puts a request into one place in memory at its edge, the facts beside it, and hands on a pointer.
//! The endpoint at the other end takes the request out again.
//!
//! Layers work on any [`Carrier`]: on a boxed request in the stack, on a plain request where one is used alone.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use mesh_core::endpoint::Endpoint;
use mesh_core::headers::Survey;
use mesh_core::plan::Plan;
use tower_layer::Layer;
use tower_service::Service;

use super::attempt::{Attempt, Stage};
use super::matched::Matched;
use super::record::Record;
use super::slot::{Entered, Open, Slot};
use crate::body::Body;
use crate::error::BoxError;
use crate::http::request_holder::RequestHolder;

/// A request with its facts; one pointer.
pub struct BoxedRequest(Box<Boxed>);

struct Boxed {
    request: Request<Body>,
    slot: Slot,
    stage: Stage,
}

impl BoxedRequest {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request<Body> {
        &self.0.request
    }

    /// The request, to change. Layers that have seen it do not look at it again: a new path finds no other route.
    pub fn request_mut(&mut self) -> &mut Request<Body> {
        &mut self.0.request
    }

    /// What the route layer found; `None` outside that layer.
    #[must_use]
    pub fn matched(&self) -> Option<&Matched> {
        // The attempt takes it over from the slot.
        self.0.slot.matched().or_else(|| self.0.stage.attempt.as_deref().map(|attempt| &**attempt.matched()))
    }

    /// The endpoint that this attempt goes to; `None` outside the [balance](crate::balance) layer.
    #[must_use]
    pub fn endpoint(&self) -> Option<Arc<Endpoint>> {
        let Stage { picked, attempt, .. } = &self.0.stage;
        let pool = picked.as_ref().map(|picked| &picked.endpoint);
        pool.or_else(|| attempt.as_deref().map(Attempt::endpoint)).map(|pool| pool.target())
    }

    /// The request, and what the route layer found, for a transport of one's own: from now on the attempt counts as sent.
    #[must_use]
    pub fn into_parts(mut self) -> (Request<Body>, Option<Arc<Matched>>) {
        let matched = match self.0.stage.attempt.take() {
            Some(attempt) => {
                attempt.sent();
                Some(attempt.matched().clone())
            }
            None => self.take_matched(),
        };
        (self.release(), matched)
    }

    /// Takes what the route layer found; the request stays where it is until it is sent.
    pub(crate) fn take_matched(&mut self) -> Option<Arc<Matched>> {
        match std::mem::take(&mut self.0.slot) {
            Slot::Routed(matched) => Some(matched),
            Slot::Open(_) | Slot::Empty => None,
        }
    }

    /// How far the attempt is, for the layer that brings it further.
    pub(crate) const fn stage(&mut self) -> &mut Stage {
        &mut self.0.stage
    }
}

impl RequestHolder for BoxedRequest {
    fn holding(request: Request<Body>) -> Self {
        Self::carrying(request, Slot::Empty)
    }

    fn get(&self) -> &Request<Body> {
        &self.0.request
    }

    fn get_mut(&mut self) -> &mut Request<Body> {
        &mut self.0.request
    }

    fn release(self) -> Request<Body> {
        self.0.request
    }
}

impl fmt::Debug for BoxedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = &self.0.request;
        let mut shown = f.debug_struct("BoxedRequest");
        shown.field("method", request.method()).field("uri", request.uri()).finish_non_exhaustive()
    }
}

/// Boxes requests: the outermost layer of a stack.
#[derive(Clone, Copy, Debug, Default)]
pub struct BoxRequestLayer;

impl<S> Layer<S> for BoxRequestLayer {
    type Service = Enter<S>;

    fn layer(&self, inner: S) -> Enter<S> {
        Enter(inner)
    }
}

/// Where requests enter the stack.
#[derive(Clone, Debug)]
pub struct Enter<S>(S);

impl<S> Service<Request<Body>> for Enter<S>
where
    S: Service<BoxedRequest>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        self.0.call(BoxedRequest::carrying(request, Slot::Empty))
    }
}

/// What layers can be given: a [`Request`] as it is, or a [`BoxedRequest`].
///
/// Sealed: what a layer needs of it besides is not for others to make.
#[expect(private_bounds, reason = "this is what seals it")]
pub trait Carrier: Carry {}

impl<B> Carrier for Request<B> {}
impl Carrier for BoxedRequest {}

/// What layers ask of the request that they are given.
pub(crate) trait Carry: Sized {
    type Body;

    fn carrying(request: Request<Self::Body>, slot: Slot) -> Self;
    fn request(&self) -> &Request<Self::Body>;
    fn request_mut(&mut self) -> &mut Request<Self::Body>;
    /// Beside the request or within; `None` if no layer has put anything there.
    fn slot(&self) -> Option<&Slot>;
    fn slot_mut(&mut self) -> Option<&mut Slot>;
    fn slot_or_empty(&mut self) -> &mut Slot;

    /// What the route layer found.
    fn matched(&self) -> Option<&Matched> {
        self.slot()?.matched()
    }

    fn matched_mut(&mut self) -> Option<&mut Matched> {
        self.slot_mut()?.matched_mut()
    }

    /// The record of this request.
    fn record(&self) -> Option<&Record> {
        let slot = self.slot().and_then(Slot::record);
        slot.or_else(|| self.request().extensions().get())
    }

    /// The record of a new request: its caller's if there is one, and found from here on.
    fn begin(&mut self) -> Record {
        let record = self.request().extensions().get::<Record>().cloned().unwrap_or_default();
        let open = self.slot_or_empty().open();
        open.record = Some(record.clone());
        // An outer stack may have looked at other headers.
        open.survey = None;
        record
    }

    /// What was found in the headers, for the route layer to know.
    fn surveyed(&mut self, survey: Survey) {
        if let Some(Slot::Open(open)) = self.slot_mut() {
            open.survey = Some(survey);
        }
    }

    /// The request begins with what is in force, and keeps it.
    fn enter(&mut self, entered: Entered) {
        self.slot_or_empty().open().entered = Some(entered);
    }

    /// The plan that the request keeps, if its stack has an edge.
    fn plan(&self) -> Option<&Arc<Plan>> {
        self.slot()?.plan()
    }

    /// What is known of this request, for the layer that puts the route in its place.
    fn take_open(&mut self) -> Open {
        match std::mem::take(self.slot_or_empty()) {
            Slot::Open(open) => open,
            Slot::Routed(matched) => Open { record: Some(matched.record().clone()), ..Open::default() },
            Slot::Empty => Open::default(),
        }
    }
}

/// Carriers that can go on with a body of ours.
pub trait Convert: Carrier {
    /// What goes on.
    #[expect(private_bounds, reason = "carriers are sealed")]
    type Own: Carrier<Body = Body>;

    /// The same, whose body is now ours.
    #[must_use]
    fn convert(self) -> Self::Own;
}

impl<B> Convert for Request<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Own = Request<Body>;

    fn convert(self) -> Request<Body> {
        self.map(Body::new)
    }
}

impl Convert for BoxedRequest {
    type Own = Self;

    fn convert(self) -> Self {
        self
    }
}

impl<B> Carry for Request<B> {
    type Body = B;

    fn carrying(mut request: Self, slot: Slot) -> Self {
        if !matches!(slot, Slot::Empty) {
            *request.slot_or_empty() = slot;
        }
        request
    }

    fn request(&self) -> &Self {
        self
    }

    fn request_mut(&mut self) -> &mut Self {
        self
    }

    fn slot(&self) -> Option<&Slot> {
        self.extensions().get()
    }

    fn slot_mut(&mut self) -> Option<&mut Slot> {
        self.extensions_mut().get_mut()
    }

    fn slot_or_empty(&mut self) -> &mut Slot {
        self.extensions_mut().get_or_insert_with(Slot::default)
    }
}

impl Carry for BoxedRequest {
    type Body = Body;

    fn carrying(request: Request<Body>, slot: Slot) -> Self {
        // Not `new`: what is written to a place that is there need not be moved to it.
        Self(Box::write(Box::new_uninit(), Boxed { request, slot, stage: Stage::default() }))
    }

    fn request(&self) -> &Request<Body> {
        &self.0.request
    }

    fn request_mut(&mut self) -> &mut Request<Body> {
        &mut self.0.request
    }

    fn slot(&self) -> Option<&Slot> {
        Some(&self.0.slot)
    }

    fn slot_mut(&mut self) -> Option<&mut Slot> {
        Some(&mut self.0.slot)
    }

    fn slot_or_empty(&mut self) -> &mut Slot {
        &mut self.0.slot
    }

    fn matched(&self) -> Option<&Matched> {
        Self::matched(self)
    }

    fn record(&self) -> Option<&Record> {
        let of_attempt = || self.0.stage.attempt.as_deref().map(|attempt| attempt.matched().record());
        self.0.slot.record().or_else(of_attempt).or_else(|| self.0.request.extensions().get())
    }
}
