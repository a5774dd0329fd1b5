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
use crate::request::boxed_request::Carrier;
use crate::request::{Matched, Slot};

/// Copies requests; see the [module](super).
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

impl<S, M, R, MirrorB> Service<R> for Mirror<S, M>
where
    S: Service<R>,
    R: Carrier<Body = Body> + Send + 'static,
    M: Service<R, Response = Response<MirrorB>> + Clone + Send + 'static,
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

    fn call(&mut self, mut carrier: R) -> S::Future {
        // Almost no route has mirrors: this check is all that other requests pay.
        let matched = carrier.matched().filter(|matched| !matched.route().mirrors.is_empty());
        if let Some(matched) = matched.cloned()
            && !carrier.request().headers().contains_key(http::header::UPGRADE)
        {
            for mirror in &matched.route().mirrors {
                if self.rng.draw(|rng| mirror.percent.hit(rng)) {
                    self.copy(&mut carrier, matched.mirrored(mirror.cluster));
                }
            }
        }
        self.inner.call(carrier)
    }
}

impl<S, M> Mirror<S, M> {
    /// Starts a copy of the request.
    fn copy<R, MirrorB>(&self, carrier: &mut R, matched: Matched)
    where
        R: Carrier<Body = Body> + Send + 'static,
        M: Service<R, Response = Response<MirrorB>> + Clone + Send + 'static,
        M::Future: Send,
        M::Error: Into<BoxError> + Send,
        MirrorB: http_body::Body + Send + 'static,
        MirrorB::Data: Send,
        MirrorB::Error: Send,
    {
        let Ok(permit) = self.running.clone().try_acquire_owned() else {
            self.refused.increment(1);
            return;
        };
        let request = carrier.request_mut();
        let body = std::mem::take(request.body_mut());
        let (body, copy) = match body.try_clone() {
            Some(copy) => (body, copy),
            None => tee(body, self.slow.clone()),
        };
        *request.body_mut() = body;
        let limit = matched.route().timeout.unwrap_or(TIME_LIMIT);
        let mut mirrored = Request::new(copy);
        *mirrored.method_mut() = request.method().clone();
        *mirrored.uri_mut() = request.uri().clone();
        *mirrored.version_mut() = request.version();
        *mirrored.headers_mut() = request.headers().clone();
        *mirrored.extensions_mut() = request.extensions().clone();
        let mirrored = R::carrying(mirrored, Slot::Routed(Arc::new(matched)));
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
    }
}
