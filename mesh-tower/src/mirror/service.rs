//! [`Mirror`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt;
use metrics::Counter;
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tower_service::Service;

use super::TIME_LIMIT;
use super::tee::tee;
use crate::body::Body;
use crate::clock::SharedRng;
use crate::error::BoxError;
use crate::route::Matched;

/// Mirrors; see the [module](super).
#[derive(Clone, Debug)]
pub struct Mirror<S, M> {
    pub(super) inner: S,
    pub(super) to: M,
    pub(super) rng: SharedRng,
    pub(super) running: Arc<Semaphore>,
    pub(super) refused: Counter,
    pub(super) slow: Counter,
    pub(super) sent: Counter,
    pub(super) failed: Counter,
}

impl<S, M, MirrorB> Service<Request<Body>> for Mirror<S, M>
where
    S: Service<Request<Body>>,
    M: Service<Request<Body>, Response = Response<MirrorB>> + Clone + Send + 'static,
    M::Future: Send,
    M::Error: Into<BoxError> + Send,
    MirrorB: http_body::Body + Send + 'static,
    MirrorB::Data: Send,
    MirrorB::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        // Almost no route has mirrors: one look and on.
        let matched = Matched::of(request.extensions());
        let matched = matched.filter(|matched| !matched.route().mirrors.is_empty());
        if let Some(matched) = matched.cloned()
            && !request.headers().contains_key(http::header::UPGRADE)
        {
            for mirror in &matched.route().mirrors {
                if self.rng.draw(|rng| mirror.percent.hit(rng)) {
                    request = self.copy(request, matched.mirrored(mirror.cluster));
                }
            }
        }
        self.inner.call(request)
    }
}

impl<S, M, MirrorB> Mirror<S, M>
where
    M: Service<Request<Body>, Response = Response<MirrorB>> + Clone + Send + 'static,
    M::Future: Send,
    M::Error: Into<BoxError> + Send,
    MirrorB: http_body::Body + Send + 'static,
    MirrorB::Data: Send,
    MirrorB::Error: Send,
{
    /// Starts a copy of the request; returns the request to be sent on.
    fn copy(&self, request: Request<Body>, matched: Matched) -> Request<Body> {
        let Ok(permit) = self.running.clone().try_acquire_owned() else {
            self.refused.increment(1);
            return request;
        };
        let (head, body) = request.into_parts();
        let (body, copy) = match body.try_clone() {
            Some(copy) => (body, copy),
            None => tee(body, self.slow.clone()),
        };
        let limit = matched.route().timeout.unwrap_or(TIME_LIMIT);
        let mut mirrored = Request::from_parts(head.clone(), copy);
        matched.attach(mirrored.extensions_mut());
        let to = self.to.clone();
        let (sent, failed) = (self.sent.clone(), self.failed.clone());
        tokio::spawn(async move {
            let _permit = permit;
            let done = async {
                let response = to.oneshot(mirrored).await.ok()?;
                let mut body = std::pin::pin!(response.into_body());
                while let Some(frame) = body.frame().await {
                    frame.ok()?;
                }
                Some(())
            };
            let done = tokio::time::timeout(limit, done).await.ok().flatten();
            if done.is_some() { sent.increment(1) } else { failed.increment(1) }
        });
        Request::from_parts(head, body)
    }
}
