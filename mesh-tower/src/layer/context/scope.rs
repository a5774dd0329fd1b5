//! The server's half: a handler runs within the context of its request.

use std::task::{Context as Task, Poll};

use http::Request;
use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;

use super::{CURRENT, Context};

/// Runs the inner service within the context of each request.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScopeLayer(());

impl<S> Layer<S> for ScopeLayer {
    type Service = Scope<S>;

    fn layer(&self, inner: S) -> Scope<S> {
        Scope { inner }
    }
}

/// Runs handlers within a context; see the [module](super).
#[derive(Clone, Debug)]
pub struct Scope<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for Scope<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<Context, S::Future>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut context = Context::of(request.headers());
        // An authentication layer further out may have put claims there.
        if let Some(known) = request.extensions_mut().remove::<Context>() {
            context.claims = known.claims;
        }
        // For handlers that spawn tasks: an extractor finds the context without the task-local.
        request.extensions_mut().insert(context.clone());
        // A service may do its work in `call` already.
        let future = CURRENT.sync_scope(context.clone(), || self.inner.call(request));
        CURRENT.scope(context, future)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use http::Response;
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::clock::now;
    use crate::context::InheritLayer;

    #[tokio::test(start_paused = true)]
    async fn a_handlers_calls_inherit_deadline_request_id_and_trace() {
        let outgoing = ServiceBuilder::new().layer(InheritLayer::default()).service(service_fn(
            |request: Request<()>| async move { Ok::<_, Infallible>(Response::new(request)) },
        ));
        let server =
            ServiceBuilder::new().layer(ScopeLayer::default()).service(service_fn(move |_: Request<()>| {
                let outgoing = outgoing.clone();
                async move {
                    tokio::time::advance(Duration::from_millis(200)).await;
                    outgoing.oneshot(Request::new(())).await
                }
            }));
        let start = now();
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let request = Request::builder()
            .header("x-envoy-expected-rq-timeout-ms", "300")
            .header("x-request-id", "abc")
            .header("traceparent", traceparent)
            .header("x-private", "not passed on")
            .body(())
            .unwrap();
        let sent = server.oneshot(request).await.unwrap().into_body();
        assert_eq!(sent.headers()["x-request-id"], "abc");
        assert_eq!(sent.headers()["traceparent"], traceparent);
        assert!(!sent.headers().contains_key("x-private"));
        let deadline = sent.extensions().get::<Context>().unwrap().deadline().unwrap();
        assert_eq!(deadline - start, Duration::from_millis(300));
    }
}
