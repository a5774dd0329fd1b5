//! The in-process client.

use std::fmt;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use mesh_core::plan::Direction;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use super::Mesh;
use crate::body::Body;
use crate::error::{BoxError, Error};
use crate::request::options::CallOptions;
use crate::stack;

/// Calls other services through the mesh.
///
/// A request names its destination as any HTTP request does: `http://api-server:5000/path`. The plan's rules for that
/// host and port apply.
///
/// # Readiness
/// Always ready; see the [crate](crate).
///
/// # Clone
/// Clones share connections, limits and budgets.
///
/// # Errors
/// An [`Error`] where a client of the proxy would get a response that the mesh makes.
///
/// # Upgrades
/// [`upgrade::on`](crate::upgrade::on) takes the tunnel that a 101 opens, for example a `WebSocket`.
/// `hyper::upgrade::on` is not enough: on a port of HTTP/2 the endpoint may give a stream, and hyper only takes
/// connections.
///
/// # Cancellation
/// Dropping the future, or the response body, cancels the request upstream.
#[derive(Clone)]
pub struct Client(BoxCloneSyncService<Request<Body>, Response<Body>, Error>);

impl Client {
    pub(super) fn new(mesh: &Mesh) -> Self {
        let stack = stack::client(mesh.edge(mesh.worker(), Direction::Outbound));
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
        // The stack is always ready, so the clone needs no poll before the call.
        self.0.clone().call(request.map(Body::new)).await
    }

    /// Sends a request with per-call overrides of its rule.
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
    /// If `uri` is not a URL with a host, or if no endpoint answered; see [`Error`].
    pub async fn get(&self, uri: &str) -> Result<Response<Body>, BoxError> {
        let request = Request::get(url(uri)?).body(Body::empty())?;
        Ok(self.request(request).await?)
    }
}

/// Parses a URL with scheme and host; the error suggests one.
fn url(text: &str) -> Result<Uri, BoxError> {
    let parsed = text.parse::<Uri>();
    if let Ok(uri) = &parsed
        && uri.scheme().is_some()
        && uri.authority().is_some()
    {
        return Ok(parsed?);
    }
    let would_do = match text.trim_start_matches('/') {
        whole if whole.contains("://") => "a URL is http://HOST:PORT/PATH".to_owned(),
        _ if text.starts_with('/') => format!("name a host too: http://HOST{text}"),
        host => format!("write http://{host}"),
    };
    let reason =
        parsed.err().map_or_else(|| "it has no scheme and host".to_owned(), |error| error.to_string());
    Err(format!("{text:?} is no URL that can be called ({reason}); {would_do}").into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_told_what_would_be_one() {
        for (text, expected) in [
            ("stock/", "\"stock/\" is no URL that can be called (invalid format); write http://stock/"),
            (
                "stock:80",
                "\"stock:80\" is no URL that can be called (it has no scheme and host); write http://stock:80",
            ),
            (
                "/items",
                "\"/items\" is no URL that can be called (it has no scheme and host); name a host too: \
                 http://HOST/items",
            ),
            (
                "http://st ock/",
                "\"http://st ock/\" is no URL that can be called (invalid uri character); a URL is \
                 http://HOST:PORT/PATH",
            ),
        ] {
            assert_eq!(url(text).unwrap_err().to_string(), expected);
        }
        assert_eq!(url("http://stock/items?a=b").unwrap(), "http://stock/items?a=b");
    }

    /// H-8: such a call bypasses the registry and goes to the address that a name server gives.
    #[cfg(feature = "test")]
    #[tokio::test(start_paused = true)]
    async fn a_port_that_the_host_does_not_declare_is_told() {
        use mesh_core::plan::builder::{MeshSpec, Protocol, Service};

        let spec = MeshSpec::new().service(Service::new("stock").port(8080, Protocol::Http));
        let test = crate::test::MeshTest::from_documents(spec.build().unwrap()).start().await;
        let refused = test.client().get("http://stock/").await.unwrap_err();
        assert!(refused.to_string().ends_with("(stock declares no port 80, only 8080)"), "{refused}");
    }
}
