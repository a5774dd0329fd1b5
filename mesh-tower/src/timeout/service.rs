//! [`Timeout`].

use std::task::{self, Poll};
use std::time::Duration;

use http::{Request, Response};
use mesh_core::headers::Survey;
use mesh_core::headers::control::has_any;
use mesh_core::outcome::Outcome;
use mesh_core::timeout::{
    CONTROL_HEADERS, Deadline, EXPECTED_TIMEOUT, TimeoutHeaders, TimeoutPolicy, grpc_timeout,
};
use tower_service::Service;

use super::timer::Timer;
use super::{ResponseBody, ResponseFuture};
use crate::body::Body;
use crate::clock::now;
use crate::context::Context;
use crate::error::{BoxError, Error};
use crate::record::Record;
use crate::route::Matched;
use crate::upload;

/// Bounds requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    pub(super) inner: S,
    pub(super) fixed: Option<Duration>,
}

impl<S, ResB> Service<Request<Body>> for Timeout<S>
where
    S: Service<Request<Body>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let matched = Matched::of(request.extensions());
        let route = self.fixed.or_else(|| matched?.route().timeout);
        let survey = matched.map_or_else(|| Survey::of(request.headers()), Matched::survey);
        let grpc = survey.grpc;
        let headers = request.headers_mut();
        let trusted = (survey.envoy && has_any(headers, &CONTROL_HEADERS)).then(|| {
            let trusted = TimeoutHeaders::of(headers);
            for name in &CONTROL_HEADERS {
                headers.remove(name);
            }
            trusted
        });
        let policy = TimeoutPolicy { request: route, ..TimeoutPolicy::default() };
        let own = policy.effective(headers, grpc, trusted.as_ref());
        let inherited = request.extensions().get::<Context>().and_then(Context::deadline);
        let inherited = inherited.map(|deadline| Deadline::at(deadline).remaining(now()));
        if inherited.is_some_and(|left| left.is_zero()) {
            return ResponseFuture::expired(Error::attempt(Outcome::Timeout, None));
        }
        let headers = request.headers_mut();
        let Some(limit) = [own, inherited].into_iter().flatten().min() else {
            return ResponseFuture::new(self.inner.call(request), None);
        };
        headers.insert(EXPECTED_TIMEOUT, Deadline::expected_ms(limit));
        if grpc {
            headers.insert(grpc_timeout::GRPC_TIMEOUT, grpc_timeout::format(limit));
        }
        let record = match Matched::of_mut(request.extensions_mut()) {
            Some(matched) => {
                matched.set_deadline(now() + limit);
                Some(matched.record().clone())
            }
            None => Record::of(request.extensions()).cloned(),
        };
        let (head, body) = request.into_parts();
        let (body, uploaded) = upload::watch(body);
        let future = self.inner.call(Request::from_parts(head, body));
        ResponseFuture::new(future, Some(Timer::new(limit, uploaded, record)))
    }
}
