//! The seam between the services and whatever carries their calls to `http://api-server:5000`.
//!
//! A service knows names, not addresses, and has no retry loop, no timeout table and no endpoint list of its
//! own: it hands an `http::Request` to a [`tower::Service`] and reads the answer. In the mesh that service is
//! the in-process client; a service that knows nothing of the mesh uses an ordinary HTTP client, which
//! honours `http_proxy` as such clients do.

use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt};

use crate::model::{Draft, FieldError, Signup};

/// Where the mesh knows the API; nothing in this program resolves it.
pub(crate) const API: &str = "http://api-server:5000";
/// The path of the API.
pub(crate) const SIGNUPS: &str = "/api/v1.0/signups";
/// Header in which an api-server says its version; passed on to users, so that they see which one answered.
pub(crate) const VERSION: &str = "x-fitcycle-version";
/// Header in which an api-server says its instance.
pub(crate) const INSTANCE: &str = "x-fitcycle-instance";
/// Largest answer that is read.
const ANSWER_MAX: usize = 1 << 20;

/// Anything that carries a request to the service its authority names.
pub(crate) type Upstream = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// Which api-server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AnsweredBy {
    pub(crate) version: Option<String>,
    pub(crate) instance: Option<String>,
}

impl AnsweredBy {
    fn read(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        Self { version: text(VERSION), instance: text(INSTANCE) }
    }

    /// Passes the same answer on.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in [(VERSION, &self.version), (INSTANCE, &self.instance)] {
            if let Some(value) = value.as_deref().and_then(|v| v.parse().ok()) {
                headers.insert(name, value);
            }
        }
    }
}

/// The list as the API gives it; `total` came with v2.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct SignupList {
    pub(crate) signups: Vec<Signup>,
    pub(crate) total: Option<i64>,
}

/// Why there is no answer to show.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The API refused the input.
    Refused(Vec<FieldError>),
    /// No usable answer came; the text describes the one that did.
    Unavailable(String),
}

/// A refusal as the API writes it.
#[derive(Debug, Deserialize)]
struct Refusal {
    error: RefusalBody,
}

#[derive(Debug, Deserialize)]
struct RefusalBody {
    #[serde(default)]
    fields: Vec<FieldError>,
}

/// The API as the other services see it.
#[derive(Clone, Debug)]
pub(crate) struct ApiClient {
    upstream: Upstream,
    base: String,
}

impl ApiClient {
    /// Calls the API at `base` through `upstream`.
    pub(crate) fn new(upstream: Upstream, base: &str) -> Self {
        Self { upstream, base: base.trim_end_matches('/').to_owned() }
    }

    /// The newest sign-ups, and the name of the server that answered, whatever the outcome.
    pub(crate) async fn newest(&self) -> (AnsweredBy, Result<SignupList, Failure>) {
        let request = self.request(&Method::GET, Body::empty());
        self.call(request, StatusCode::OK).await
    }

    /// Signs a person up.
    pub(crate) async fn create(&self, draft: &Draft) -> (AnsweredBy, Result<Signup, Failure>) {
        let json = serde_json::to_vec(draft).expect("a draft is three strings");
        let request = self.request(&Method::POST, Body::from(json));
        self.call(request, StatusCode::CREATED).await
    }

    fn request(&self, method: &Method, body: Body) -> http::Result<Request<Body>> {
        let builder = Request::builder().method(method).uri(format!("{}{SIGNUPS}", self.base));
        if *method == Method::POST { builder.header(CONTENT_TYPE, "application/json") } else { builder }
            .body(body)
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        request: http::Result<Request<Body>>,
        expected: StatusCode,
    ) -> (AnsweredBy, Result<T, Failure>) {
        let answer = match request {
            Ok(request) => self.upstream.clone().oneshot(request).await,
            Err(error) => Err(error.into()),
        };
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                let reason = format!("no api-server answered: {}", chain(error.as_ref()));
                return (AnsweredBy::default(), Err(Failure::Unavailable(reason)));
            }
        };
        let by = AnsweredBy::read(response.headers());
        (by, read(response, expected).await)
    }
}

async fn read<T: serde::de::DeserializeOwned>(
    response: Response<Body>,
    expected: StatusCode,
) -> Result<T, Failure> {
    let unavailable = |what: String| Failure::Unavailable(what);
    let (head, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, ANSWER_MAX)
        .await
        .map_err(|error| unavailable(format!("the answer broke off: {}", chain(&error))))?;
    if head.status == expected {
        return serde_json::from_slice(&bytes)
            .map_err(|error| unavailable(format!("the answer makes no sense: {error}")));
    }
    if head.status == StatusCode::UNPROCESSABLE_ENTITY
        && let Ok(refusal) = serde_json::from_slice::<Refusal>(&bytes)
    {
        return Err(Failure::Refused(refusal.error.fields));
    }
    let reason = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    Err(unavailable(format!("api-server answered {}: {reason}", head.status)))
}

/// An error and everything that caused it, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// An ordinary HTTP client, without any mesh: it dials the URL's address, or the proxy that `http_proxy` names.
pub(crate) fn plain() -> anyhow::Result<Upstream> {
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(30))
        .build()
        .context("building the HTTP client")?;
    let send = move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let (head, body) = request.into_parts();
            let bytes = axum::body::to_bytes(body, ANSWER_MAX).await?;
            let request = reqwest::Request::try_from(Request::from_parts(head, bytes))?;
            let response: Response<reqwest::Body> = client.execute(request).await?.into();
            Ok::<_, BoxError>(response.map(Body::new))
        }
    };
    Ok(BoxCloneSyncService::new(tower::service_fn(send)))
}

#[cfg(test)]
pub(crate) mod test {
    use futures_util::TryFutureExt;

    use super::*;

    /// An upstream that hands every request to an axum router.
    pub(crate) fn router(router: axum::Router) -> Upstream {
        let call = move |request: Request<Body>| router.clone().oneshot(request).map_err(BoxError::from);
        BoxCloneSyncService::new(tower::service_fn(call))
    }

    /// An upstream without a server.
    pub(crate) fn unreachable() -> Upstream {
        let refuse =
            |_: Request<Body>| async { Err::<Response<Body>, BoxError>("connection refused".into()) };
        BoxCloneSyncService::new(tower::service_fn(refuse))
    }
}
