//! The client's half: outgoing requests inherit the context.

use std::task::{Context as Task, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{CURRENT, Context};
use crate::request::boxed_request::Carrier;

/// Gives requests the context of the task that makes them.
#[derive(Clone, Copy, Debug, Default)]
pub struct InheritLayer(());

impl<S> Layer<S> for InheritLayer {
    type Service = Inherit<S>;

    fn layer(&self, inner: S) -> Inherit<S> {
        Inherit { inner }
    }
}

/// Gives requests the context of their task; see the [module](super).
#[derive(Clone, Debug)]
pub struct Inherit<S> {
    inner: S,
}

impl<S, R: Carrier> Service<R> for Inherit<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut carrier: R) -> S::Future {
        let request = carrier.request_mut();
        if let Some(context) = request.extensions().get::<Context>().cloned() {
            context.complete(request.headers_mut());
        } else {
            // Most calls are made in the task that serves the request; this path does not clone the context's headers.
            let deadline = CURRENT.try_with(|context| {
                context.complete(request.headers_mut());
                context.deadline
            });
            if let Ok(Some(deadline)) = deadline {
                request.extensions_mut().insert(Context { deadline: Some(deadline), ..Context::default() });
            }
        }
        self.inner.call(carrier)
    }
}
