//! [`Timeout`].

use std::cell::RefCell;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use http::{Extensions, HeaderValue, Response};
use mesh_core::headers::Survey;
use mesh_core::headers::control::has_any;
use mesh_core::outcome::Outcome;
use mesh_core::timeout::{
    AnnouncedDeadline, CONTROL_HEADERS, Deadline, EXPECTED_TIMEOUT, TimeoutHeaders, effective, grpc_timeout,
};
use tower_service::Service;

use super::bound::Bound;
use super::timer::{Bounds, Timer, after};
use super::{ResponseBody, ResponseFuture};
use crate::body::Body;
use crate::clock::now;
use crate::context::Context;
use crate::error::{BoxError, Error};
use crate::http::body::upload;
use crate::request::announced::Announcement;
use crate::request::boxed_request::Carrier;
use crate::request::options::CallTimeout;
use crate::request::{Matched, Record};

/// The instant by which a request of a layer used alone must be answered. The retries within announce the time left to
/// each try's next hop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until(Instant);

impl Until {
    pub(crate) fn of(extensions: &Extensions) -> Option<Instant> {
        extensions.get().map(|Self(at)| *at)
    }
}

thread_local! {
    /// The latest limit that was announced, and its text: the next limit is mostly the same.
    static LATEST: RefCell<Option<(Duration, HeaderValue)>> = const { RefCell::new(None) };
}

/// The limit as a header value for the next hop; the same limit does not make the same text again.
fn expected(limit: Duration) -> HeaderValue {
    LATEST.with_borrow_mut(|latest| match latest {
        Some((known, text)) if *known == limit => text.clone(),
        _ => latest.insert((limit, Deadline::expected_ms(limit))).1.clone(),
    })
}

/// Bounds requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    pub(super) inner: S,
    pub(super) fixed: Option<Duration>,
    /// Whether this layer judges answers by the announced deadline, because no attempt within does (RT-2).
    pub(super) judges: bool,
}

impl<S, R, ResB> Service<R> for Timeout<S>
where
    R: Carrier<Body = Body>,
    S: Service<R, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ResB: http_body::Body,
{
    type Response = Response<ResponseBody<ResB, ResB::Data>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut carrier: R) -> Self::Future {
        let matched = carrier.matched();
        let own = matched.and_then(Matched::options).and_then(|options| options.timeout);
        let (route, to_headers) = match own {
            None => (self.fixed.or_else(|| matched?.route().timeout), None),
            Some(CallTimeout::Whole(limit)) => (Some(limit), None),
            Some(CallTimeout::Headers(limit)) => (None, Some(limit)),
        };
        let survey = matched.map_or_else(|| Survey::of(carrier.request().headers()), Matched::survey);
        let grpc = survey.grpc;
        let request = carrier.request_mut();
        let headers = request.headers_mut();
        let trusted = (survey.envoy && has_any(headers, &CONTROL_HEADERS)).then(|| {
            let trusted = TimeoutHeaders::of(headers);
            for name in &CONTROL_HEADERS {
                headers.remove(name);
            }
            trusted
        });
        let trusted = trusted.filter(|_| self.fixed.is_none());
        let alternative = trusted.is_some_and(|trusted| trusted.alternative_response);
        // A call's own option beats the header (RT-18).
        let trusted = trusted.filter(|_| own.is_none());
        let own = effective(route, headers, grpc, trusted.as_ref());
        let deadline = request.extensions().get::<Context>().and_then(Context::deadline);
        let inherited = deadline.map(|deadline| Deadline::at(deadline).remaining(now()));
        if inherited.is_some_and(|left| left.is_zero()) {
            let error = Error::attempt(Outcome::Timeout, None);
            return ResponseFuture::expired(if alternative { error.alternative() } else { error });
        }
        let whole = [own, inherited].into_iter().flatten().min();
        if whole.is_none() && to_headers.is_none() {
            return ResponseFuture::new(self.inner.call(carrier), Bound::FREE, None).alternative(alternative);
        }
        let now = now();
        let alone = carrier.matched().is_none();
        if alone && carrier.record().is_none() {
            // The layers within that judge the endpoint read there that the time is up.
            carrier.slot_or_empty().open().record = Some(Record::default());
        }
        let record = carrier.record().cloned();
        // The next hop gets no announcement of it: a server may go on with a stream without limit.
        let until_headers = to_headers.and_then(|limit| {
            Timer::new(now, Bounds { limit: Some(limit), deadline: None }, None, record.clone())
        });
        let Some(limit) = whole else {
            let future = self.inner.call(carrier);
            return ResponseFuture::new(future, Bound::FREE, until_headers).alternative(alternative);
        };
        let request = carrier.request_mut();
        let headers = request.headers_mut();
        headers.insert(EXPECTED_TIMEOUT, expected(limit));
        if grpc {
            headers.insert(grpc_timeout::GRPC_TIMEOUT, grpc_timeout::format(limit));
        }
        let uploaded = own.and_then(|_| upload::watch(request.body_mut()));
        match carrier.matched_mut() {
            Some(matched) => matched.set_deadline(after(now, limit)),
            None => drop(carrier.request_mut().extensions_mut().insert(Until(after(now, limit)))),
        }
        let announced = (grpc && self.judges).then(|| {
            let deadline = AnnouncedDeadline::new(now, limit, false);
            Announcement::begin(carrier.request_mut().extensions_mut(), deadline, record.clone())
        });
        let future = self.inner.call(carrier);
        let timer = Timer::new(now, Bounds { limit: own, deadline }, uploaded, record);
        ResponseFuture::new(future, Bound::new(timer, announced), until_headers).alternative(alternative)
    }
}
