//! [`Rewrite`].

use std::task::{Context, Poll};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use mesh_core::headers::Survey;
use mesh_core::route::{HeaderOps, RequestView};
use tower_service::Service;

use super::ResponseFuture;
use super::future::ResponseOperations;
use crate::error::BoxError;
use crate::request::boxed_request::Carrier;
use crate::request::{Facts, Matched, VariableSource};

const ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-envoy-original-host");
const ORIGINAL_PATH: HeaderName = HeaderName::from_static("x-envoy-original-path");

/// Rewrites; see the [module](super).
#[derive(Clone, Debug)]
pub struct Rewrite<S> {
    pub(super) inner: S,
}

impl<S, R: Carrier, ResB> Service<R> for Rewrite<S>
where
    S: Service<R, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut carrier: R) -> Self::Future {
        let Some(matched) = carrier.matched() else {
            return ResponseFuture::new(self.inner.call(carrier), None);
        };
        let route = matched.route();
        let destination = route.destinations().get(matched.destination_index());
        let some = |rule: &HeaderOps, ops: Option<&HeaderOps>| {
            !rule.is_empty() || ops.is_some_and(|ops| !ops.is_empty())
        };
        let answers = some(&route.response_headers, destination.map(|to| &to.response_headers))
            || !matched.set_cookies().is_empty();
        let asks = some(&route.request_headers, destination.map(|to| &to.request_headers));
        if !asks && !answers && route.rewrite.is_none() {
            return ResponseFuture::new(self.inner.call(carrier), None);
        }
        let matched = matched.clone();
        let mut facts = matched.facts(carrier.request());
        if asks || matched.route().rewrite.is_some() {
            rewrite(&matched, carrier.request_mut(), facts.as_deref());
            if answers
                && matched.route().response_has_variables(matched.destination_index())
                && let Some(facts) = &mut facts
            {
                facts.rewritten(carrier.request());
            }
            let survey = Survey::of(carrier.request().headers());
            carrier.matched_mut().expect("seen above").set_survey(survey);
        }
        ResponseFuture::new(
            self.inner.call(carrier),
            answers.then(|| Box::new(ResponseOperations { matched, facts })),
        )
    }
}

fn rewrite<B>(matched: &Matched, request: &mut Request<B>, facts: Option<&Facts>) {
    let route = matched.route();
    let facts = VariableSource::from(facts);
    if let Some(value) = route.apply_request(matched.destination_index(), request.headers_mut(), &facts) {
        set_authority(request, &value);
    }
    let uri = request.uri();
    let path = route.rewrite.as_ref().and_then(|rewrite| rewrite.path.as_ref());
    let Some(path) = path.and_then(|path| path.apply(uri.path(), uri.query())) else { return };
    if let Some(Ok(old)) = uri.path_and_query().map(|old| HeaderValue::try_from(old.as_str())) {
        request.headers_mut().insert(ORIGINAL_PATH, old);
    }
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.path_and_query = Some(path);
    *request.uri_mut() = Uri::from_parts(parts).expect("only the path of a valid target has changed");
}

fn set_authority<B>(request: &mut Request<B>, value: &HeaderValue) {
    let Ok(authority) = Authority::try_from(value.as_bytes()) else { return };
    let old = RequestView::of(&*request).authority;
    if let Ok(old) = HeaderValue::try_from(old) {
        request.headers_mut().insert(ORIGINAL_HOST, old);
    }
    if request.uri().authority().is_some() {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.authority = Some(authority);
        *request.uri_mut() =
            Uri::from_parts(parts).expect("only the authority of a valid target has changed");
        if !request.headers().contains_key(HOST) {
            return;
        }
    }
    request.headers_mut().insert(HOST, value.clone());
}
