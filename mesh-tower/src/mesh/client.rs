//! The in-process client.

use std::fmt;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use mesh_core::plan::Direction;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use super::Mesh;
use crate::body::Body;
use crate::call::CallOptions;
use crate::error::{BoxError, Error};
use crate::normalize::NormalizeLayer;
use crate::route::RouteLayer;
use crate::stack;
use crate::telemetry::TelemetryLayer;

/// Calls other services through the mesh.
///
/// A request names its destination as any HTTP request does: `http://api-server:5000/path`. The
/// plan's rules for that host and port say what happens.
///
/// # Readiness
/// Always ready; see the [crate](crate).
///
/// # Clone
/// Clones share connections, limits and budgets.
///
/// # Errors
/// [`Error`]: what a client of the proxy would see as a response made by the mesh.
///
/// # Upgrades
/// What a 101 opens, such as a `WebSocket`, is taken by [`upgrade::on`](crate::upgrade::on).
/// `hyper::upgrade::on` is not enough: on a port of HTTP/2 the endpoint may give a stream, which hyper does not
/// know of.
///
/// # Cancellation
/// Dropping the future, or the response body, cancels the request upstream.
#[derive(Clone)]
pub struct Client(BoxCloneSyncService<Request<Body>, Response<Body>, Error>);

impl Client {
    pub(super) fn new(mesh: &Mesh) -> Self {
        let worker = mesh.worker();
        let plan = mesh.plan();
        let telemetry = TelemetryLayer::new(Direction::Outbound, plan.workload.clone())
            .metrics(mesh.metrics().clone())
            .access_log(mesh.access_log().clone());
        let route = RouteLayer::outbound(worker.clone());
        let stack = stack::outbound(
            &worker,
            telemetry,
            NormalizeLayer::new(Direction::Outbound)
                .rng(worker.rng().clone())
                .request_id(plan.settings.request_id),
            route,
        );
        let stack = stack.map_response(|response| response.map(Body::shared)).map_err(Error::from_box);
        Self(BoxCloneSyncService::new(stack))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If no endpoint answered; see [`Error`].
    pub async fn request<B>(&self, request: Request<B>) -> Result<Response<Body>, Error>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // Always ready, and a clone of our own: nothing need be polled first.
        self.0.clone().call(request.map(Body::new)).await
    }

    /// Sends a request that wants something otherwise than its rule says.
    ///
    /// # Errors
    /// If no endpoint answered; see [`Error`].
    pub async fn request_with<B>(
        &self,
        mut request: Request<B>,
        options: CallOptions,
    ) -> Result<Response<Body>, Error>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        request.extensions_mut().insert(options);
        self.request(request).await
    }

    /// Sends a GET request without a body.
    ///
    /// # Errors
    /// If the URI does not parse, or no endpoint answered; see [`Error`].
    pub async fn get(&self, uri: &str) -> Result<Response<Body>, BoxError> {
        let request = Request::get(uri).body(Body::empty())?;
        Ok(self.request(request).await?)
    }
}

impl<B> Service<Request<B>> for Client
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response<Body>, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request.map(Body::new))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
