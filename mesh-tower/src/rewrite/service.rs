//! [`Rewrite`].

use std::task::{Context, Poll};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use mesh_core::route::{Action, HeaderOps};
use tower_service::Service;

use super::ResponseFuture;
use crate::route::Matched;

const ORIGINAL_PATH: HeaderName = HeaderName::from_static("x-envoy-original-path");

/// Rewrites; see the [module](super).
#[derive(Clone, Debug)]
pub struct Rewrite<S> {
    pub(super) inner: S,
}

impl<S, B, ResB> Service<Request<B>> for Rewrite<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some(matched) = request.extensions().get::<Matched>() else {
            return ResponseFuture::new(self.inner.call(request), None);
        };
        let any = |levels: [Option<&HeaderOps>; 2]| levels.into_iter().flatten().any(|ops| !ops.is_empty());
        let answers = any(Levels::response(matched)).then(|| matched.clone());
        let asks = any(Levels::request(matched));
        if asks || matched.route().rewrite.is_some() {
            let matched = matched.clone();
            rewrite(&matched, &mut request);
        }
        ResponseFuture::new(self.inner.call(request), answers)
    }
}

/// The operations of rule and destination in the order in which they are applied (VA-5).
pub(super) struct Levels;

impl Levels {
    fn request(matched: &Matched) -> [Option<&HeaderOps>; 2] {
        let destination = matched.destination().map(|destination| &destination.request_headers);
        Self::order(matched, &matched.route().request_headers, destination)
    }

    pub(super) fn response(matched: &Matched) -> [Option<&HeaderOps>; 2] {
        let destination = matched.destination().map(|destination| &destination.response_headers);
        Self::order(matched, &matched.route().response_headers, destination)
    }

    fn order<'a>(
        matched: &Matched,
        rule: &'a HeaderOps,
        destination: Option<&'a HeaderOps>,
    ) -> [Option<&'a HeaderOps>; 2] {
        let several = match &matched.route().action {
            Action::Forward(forward) => forward.destinations().len() > 1,
            _ => false,
        };
        if several { [destination, Some(rule)] } else { [Some(rule), destination] }
    }
}

fn rewrite<B>(matched: &Matched, request: &mut Request<B>) {
    let route = matched.route();
    let mut authority = None;
    for ops in Levels::request(matched).into_iter().flatten() {
        authority = ops.apply_request(request.headers_mut(), &()).or(authority);
    }
    // VA-5: the rule's authority beats the destination's, whatever the order of the other headers.
    if let Some(value) = route.request_headers.apply_request(&mut http::HeaderMap::new(), &()) {
        authority = Some(value);
    }
    let Some(rewrite) = &route.rewrite else {
        if let Some(value) = authority {
            set_authority(request, &value);
        }
        return;
    };
    if let Some(to) = &rewrite.authority {
        authority = HeaderValue::try_from(to.as_str()).ok();
    }
    if let Some(value) = authority {
        set_authority(request, &value);
    }
    let uri = request.uri();
    let Some(path) = rewrite.path.as_ref().and_then(|path| path.apply(uri.path(), uri.query())) else {
        return;
    };
    if let Some(Ok(old)) = uri.path_and_query().map(|old| HeaderValue::try_from(old.as_str())) {
        request.headers_mut().insert(ORIGINAL_PATH, old);
    }
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.path_and_query = Some(path);
    *request.uri_mut() = Uri::from_parts(parts).expect("only the path of a valid target has changed");
}

fn set_authority<B>(request: &mut Request<B>, value: &HeaderValue) {
    let Ok(authority) = Authority::try_from(value.as_bytes()) else { return };
    if request.uri().authority().is_some() {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.authority = Some(authority);
        *request.uri_mut() = Uri::from_parts(parts).expect("only the authority of a valid target has changed");
        if !request.headers().contains_key(HOST) {
            return;
        }
    }
    request.headers_mut().insert(HOST, value.clone());
}
