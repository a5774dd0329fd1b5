//! The in-process client for gRPC.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::uri::{Authority, InvalidUri, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use mesh_core::plan::UpstreamProtocol;
use tower_service::Service;

use super::{Client, Mesh};
use crate::body::Body;
use crate::call::ByChannel;
use crate::error::BoxError;

/// A gRPC channel to one service: hand it to a generated tonic client.
///
/// ```no_run
/// # fn example(mesh: mesh_tower::Mesh) -> Result<(), http::uri::InvalidUri> {
/// let channel = mesh.channel("reviews:9080")?;
/// // let client = ReviewsClient::new(channel);
/// # Ok(()) }
/// ```
///
/// # Readiness
/// Always ready.
///
/// # Clone
/// Clones share connections, limits and budgets.
///
/// # Errors
/// None: what fails in the mesh is a gRPC status, as the proxy would send it (RF-4).
#[derive(Clone, Debug)]
pub struct Channel {
    client: Client,
    authority: Authority,
}

impl Channel {
    pub(super) fn new(mesh: &Mesh, service: &str) -> Result<Self, InvalidUri> {
        let authority: Authority = service.parse()?;
        let authority = match authority.port() {
            Some(_) => authority,
            None => match grpc_port(mesh, service) {
                Some(port) => format!("{service}:{port}").parse()?,
                None => authority,
            },
        };
        Ok(Self { client: mesh.client(), authority })
    }
}

/// The service's gRPC port, else its only port.
fn grpc_port(mesh: &Mesh, service: &str) -> Option<u16> {
    let plan = mesh.plan();
    let known = plan.outbound.iter().filter(|(_, table)| table.host(service).is_some());
    let ports: Vec<u16> = known.map(|(port, _)| *port).collect();
    let speaks_http2 = |port: &u16| {
        plan.clusters.iter().any(|node| {
            let cluster = &node.policy;
            cluster.port == *port
                && cluster.protocol == UpstreamProtocol::Http2
                && (*cluster.service.host == *service || *cluster.service.name == *service)
        })
    };
    let grpc = ports.iter().copied().find(speaks_http2);
    grpc.or_else(|| if let [only] = ports[..] { Some(only) } else { None })
}

impl<B> Service<Request<B>> for Channel
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let mut parts = head.uri.into_parts();
        parts.scheme.get_or_insert(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
        head.extensions.insert(ByChannel);
        head.uri = Uri::from_parts(parts).expect("scheme, authority and path are all there");
        let client = self.client.clone();
        Box::pin(async move {
            let request = Request::from_parts(head, body);
            Ok(client.request(request).await.unwrap_or_else(|error| error.response(true)))
        })
    }
}
