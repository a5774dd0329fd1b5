//! [`Circuit`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use mesh_core::circuit::{CircuitPolicy, Limits, Permit, Resource};
use mesh_core::reply::LocalReply;
use tower_service::Service;

use super::{ResponseBody, ResponseFuture};
use crate::error::{BoxError, Error};

/// Limits active requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct Circuit<S> {
    pub(super) inner: S,
    pub(super) policy: Arc<CircuitPolicy>,
    pub(super) limits: Arc<Limits>,
}

impl<S, B, ResB> Service<Request<B>> for Circuit<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match Permit::try_take(&self.limits, Resource::Requests, &self.policy) {
            Some(permit) => ResponseFuture::admitted(self.inner.call(request), permit),
            None => ResponseFuture::refused(Error::local(LocalReply::overflow())),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio_test::{assert_pending, assert_ready};
    use tower_layer::Layer;
    use tower_test::mock;

    use super::*;
    use crate::body::Body;
    use crate::circuit::CircuitLayer;

    #[tokio::test]
    async fn cb_5_over_the_limit_is_refused_at_once_until_a_response_has_ended() {
        let layer = CircuitLayer::new(CircuitPolicy { max_requests: 1, ..CircuitPolicy::default() });
        let (mock, mut handle) = mock::pair::<Request<()>, Response<Body>>();
        handle.allow(10);
        let mut service = layer.layer(mock);
        std::future::poll_fn(|cx| Service::<Request<()>>::poll_ready(&mut service, cx)).await.unwrap();
        let mut first = tokio_test::task::spawn(service.call(Request::new(())));
        assert_pending!(first.poll());
        let refused = Error::from_box(service.call(Request::new(())).await.unwrap_err());
        assert!(refused.is_overflow());
        assert_eq!(refused.response(false).headers()["x-envoy-overloaded"], "true");

        let (_, answer) = handle.next_request().await.unwrap();
        answer.send_response(Response::new(Body::from("late")));
        let response = assert_ready!(first.poll()).unwrap();
        assert_eq!(layer.limits().active(Resource::Requests), 1, "the body is still to come");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "late");
        assert_eq!(layer.limits().active(Resource::Requests), 0);

        std::future::poll_fn(|cx| Service::<Request<()>>::poll_ready(&mut service, cx)).await.unwrap();
        drop(service.call(Request::new(())));
        assert_eq!(layer.limits().active(Resource::Requests), 0, "a dropped call frees its place");
    }
}
