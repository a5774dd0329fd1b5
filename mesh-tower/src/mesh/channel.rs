//! The in-process client for gRPC.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use mesh_core::plan::{OutboundMode, Plan, UpstreamProtocol};
use mesh_core::reply::grpc_message;
use mesh_core::route::RouteTable;
use tower_service::Service;

use super::{Client, Mesh};
use crate::body::Body;
use crate::error::{BoxError, Error};
use crate::request::options::ByChannel;
use crate::request::{declared_ports, undeclared};

/// A gRPC channel to one service: hand it to a generated tonic client.
///
/// ```no_run
/// # fn example(mesh: mesh_tower::Mesh) -> Result<(), mesh_tower::ChannelError> {
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
/// None: an error of the mesh becomes the gRPC status that the proxy would send (RF-4).
#[derive(Clone, Debug)]
pub struct Channel {
    client: Client,
    authority: Authority,
}

/// Why there is no channel to this name; the message shows a name that works.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no channel to {service:?}: {reason}")]
pub struct ChannelError {
    service: String,
    reason: String,
}

impl Channel {
    pub(super) fn new(mesh: &Mesh, service: &str) -> Result<Self, ChannelError> {
        let authority = authority(mesh, service)
            .map_err(|reason| ChannelError { service: service.to_owned(), reason })?;
        Ok(Self { client: mesh.client(), authority })
    }
}

/// Host and port of a service; the error is the reason why there is no channel.
fn authority(mesh: &Mesh, service: &str) -> Result<Authority, String> {
    if let Some((_, rest)) = service.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        return Err(format!("it is a URL; name the host, and the port if there are several: {host:?}"));
    }
    let parse = |text: &str| {
        let wrong = |error| format!("{error}; a host, with a port or without, does: \"reviews:9080\"");
        text.parse::<Authority>().map_err(wrong)
    };
    let authority = parse(service)?;
    match authority.port_u16() {
        Some(port) => declared(&mesh.plan(), authority.host(), port).map(|()| authority),
        None => match grpc_port(mesh, service)? {
            Some(port) => parse(&format!("{service}:{port}")),
            None => Ok(authority),
        },
    }
}

/// Checks the port of a host that a document declares by its own name. An undeclared port is an error under
/// `REGISTRY_ONLY`, which refuses its calls. Under `ALLOW_ANY` it is a warning: the channel dials it, as a client does.
fn declared(plan: &Plan, host: &str, port: u16) -> Result<(), String> {
    let is_own = |table: &Arc<RouteTable>| {
        let host = table.host(host);
        host.is_some_and(|host| !host.domains.iter().all(|domain| domain.starts_with('*')))
    };
    if !plan.outbound.values().any(is_own) {
        return Ok(());
    }
    match undeclared(plan, host, port) {
        Some(known) if plan.settings.outbound_mode == OutboundMode::RegistryOnly => Err(known),
        Some(known) => {
            tracing::warn!("{known}: calls to that port go to the address that the host's name resolves to");
            Ok(())
        }
        None => Ok(()),
    }
}

/// The service's gRPC port, else its only port; `None` if no document declares the service.
fn grpc_port(mesh: &Mesh, service: &str) -> Result<Option<u16>, String> {
    let plan = mesh.plan();
    let ports = declared_ports(&plan, service);
    let speaks_http2 = |port: &u16| {
        plan.clusters.iter().any(|node| {
            let cluster = &node.policy;
            cluster.port == *port
                && cluster.protocol == UpstreamProtocol::Http2
                && (*cluster.service.host == *service || *cluster.service.name == *service)
        })
    };
    let grpc = ports.iter().copied().find(speaks_http2);
    match (grpc, &ports[..]) {
        (Some(port), _) => Ok(Some(port)),
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(*only)),
        (None, [first, ..]) => {
            let known: Vec<String> = ports.iter().map(u16::to_string).collect();
            let known = known.join(", ");
            Err(format!("none of its ports {known} is one for gRPC; name the one: \"{service}:{first}\""))
        }
    }
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
            Ok(client.request(request).await.unwrap_or_else(|error| status(&error)))
        })
    }
}

/// The error as a gRPC status; its message has the hint.
fn status(error: &Error) -> Response<Body> {
    let mut response = error.response(true);
    if let Some(message) = error.advised().and_then(|text| grpc_message(text.as_bytes())) {
        response.headers_mut().insert("grpc-message", message);
    }
    response
}

#[cfg(test)]
mod tests {
    use mesh_core::plan::builder::{Protocol, Rule, Service};

    use tower_service::Service as _;

    use super::*;
    use crate::upstream::discover::{Answer, Resolve, Resolving};

    async fn mesh() -> Mesh {
        let stock = Service::new("stock").port(80, Protocol::Http).port(81, Protocol::Http);
        let both = Service::new("both").port(80, Protocol::Http).port(9000, Protocol::Grpc);
        let only = Service::new("only").port(7000, Protocol::Http);
        let mesh = Mesh::builder().service(stock).service(both).service(only);
        mesh.rule(Rule::to("stock")).start().await.unwrap()
    }

    #[tokio::test]
    async fn a_name_that_is_none_is_told_what_would_do() {
        let mesh = mesh().await;
        for (name, expected) in [
            (
                "http://stock:80",
                "no channel to \"http://stock:80\": it is a URL; name the host, and the port if there are several: \
                 \"stock:80\"",
            ),
            (
                "stock",
                "no channel to \"stock\": none of its ports 80, 81 is one for gRPC; name the one: \"stock:80\"",
            ),
            (
                "sto ck",
                "no channel to \"sto ck\": invalid uri character; a host, with a port or without, does: \
                 \"reviews:9080\"",
            ),
        ] {
            assert_eq!(mesh.channel(name).unwrap_err().to_string(), expected);
        }
    }

    /// A channel dials whatever a client dials: hosts that a wildcard covers, and under `ALLOW_ANY` any port.
    #[tokio::test]
    async fn h_8_a_port_that_is_not_declared_is_refused_only_where_calls_to_it_are() {
        let text = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: out}
spec: {hosts: ['*.example.com', api.test], ports: [{number: 443, name: grpc, protocol: GRPC}], resolution: NONE}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'outboundTrafficPolicy: {mode: MODE}'}
";
        for (mode, name, expected) in [
            ("ALLOW_ANY", "api.test:80", None),
            ("ALLOW_ANY", "a.example.com:80", None),
            ("REGISTRY_ONLY", "a.example.com:80", None),
            ("REGISTRY_ONLY", "elsewhere.org:80", None),
            ("REGISTRY_ONLY", "api.test:443", None),
            ("REGISTRY_ONLY", "api.test:80", Some("api.test declares no port 80, only 443")),
        ] {
            let text = text.replace("MODE", mode);
            let (documents, found) = mesh_core::api::Documents::parse([("mesh.yaml", &*text)]);
            assert!(!found.has_errors(), "{found:?}");
            let mesh = Mesh::from_documents(documents).start().await.unwrap();
            let refused = mesh.channel(name).err().map(|error| error.reason);
            assert_eq!(refused.as_deref(), expected, "{mode} {name}");
        }
    }

    /// A resolver without names.
    #[derive(Debug)]
    struct Nowhere;

    impl Resolve for Nowhere {
        fn resolve(&self, _: &str) -> Resolving {
            Box::pin(std::future::ready(Ok(Answer::Empty)))
        }
    }

    #[tokio::test]
    async fn a_failed_call_on_an_undeclared_port_says_which_are_declared() {
        let stock = Service::new("stock").port(80, Protocol::Http).port(81, Protocol::Http);
        let mesh = Mesh::builder().service(stock).resolver(Arc::new(Nowhere)).start().await.unwrap();
        let mut channel = mesh.channel("stock:8080").unwrap();
        let response = channel.call(Request::post("/s/m").body(Body::empty()).unwrap()).await.unwrap();
        let message = response.headers()["grpc-message"].to_str().unwrap();
        assert!(message.ends_with("stock declares no port 8080, only 80, 81)"), "{message}");
    }

    #[tokio::test]
    async fn a_name_without_a_port_is_the_grpc_port_or_the_only_one() {
        let mesh = mesh().await;
        for (name, authority) in
            [("both", "both:9000"), ("only", "only:7000"), ("stock:81", "stock:81"), ("nobody", "nobody")]
        {
            assert_eq!(mesh.channel(name).unwrap().authority, authority);
        }
    }
}
