//! One health check of one endpoint.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_core::endpoint::Address;
use mesh_core::health::{
    Finding, GRPC_PATH, HealthPolicy, Probe, ReadinessCheck, ReadinessPolicy, grpc_request, is_serving,
};
use mesh_core::plan::{self, ClusterPlan, UpstreamProtocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::error::BoxError;
use crate::grpc;
use crate::upstream::transport::{ClientTls, Connect, Protocol, Stream};

/// The header by which an endpoint refuses further requests (HC-2).
pub(crate) const IMMEDIATE_FAIL: HeaderName = HeaderName::from_static("x-envoy-immediate-health-check-fail");

const AGENT: HeaderValue = HeaderValue::from_static("mesh-health-check");

/// How many bytes of an answer are read.
const HTTP_BODY: usize = 1 << 10;
const GRPC_BODY: usize = 4 << 10;
const TCP_ANSWER: usize = 64 << 10;

/// The finding of a check, and the reason in words.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) finding: Finding,
    pub(crate) why: String,
}

impl Answer {
    pub(crate) fn pass() -> Self {
        Self { finding: Finding::Pass, why: String::new() }
    }

    pub(crate) fn denied(why: impl Into<String>) -> Self {
        Self { finding: Finding::Denied, why: why.into() }
    }

    pub(crate) fn silent(why: impl Into<String>) -> Self {
        Self { finding: Finding::Silent, why: why.into() }
    }
}

/// Asks the endpoints of one cluster, or our own workload.
#[derive(Debug)]
pub(crate) struct Prober {
    policy: HealthPolicy,
    connector: Arc<dyn Connect>,
    tls: Option<ClientTls>,
    protocol: Protocol,
    host: Arc<str>,
    headers: HeaderMap,
}

impl Prober {
    pub(crate) fn new(plan: &ClusterPlan, policy: HealthPolicy, connector: Arc<dyn Connect>) -> Self {
        let http2 = plan.protocol == UpstreamProtocol::Http2 || matches!(policy.probe, Probe::Grpc { .. });
        let host = match &policy.probe {
            Probe::Http { host: Some(host), .. } => host.clone(),
            Probe::Http { host: None, .. } | Probe::Tcp { .. } | Probe::Grpc { .. } => {
                plan.service.host.clone()
            }
        };
        Self {
            connector,
            tls: plan.tls.as_ref().map(|tls| ClientTls::new(tls, &plan.service.host)),
            protocol: if http2 { Protocol::Http2 } else { Protocol::Http1 },
            host,
            headers: HeaderMap::new(),
            policy,
        }
    }

    /// Checks our own workload; commands are run elsewhere.
    pub(crate) fn own(policy: &ReadinessPolicy, connector: Arc<dyn Connect>) -> Self {
        let anywhere = |tls: bool, host: &str| {
            let tls = tls.then(|| plan::ClientTls { insecure_skip_verify: true, ..Default::default() });
            tls.map(|tls| ClientTls::new(&tls, host))
        };
        let mut headers = HeaderMap::new();
        let (probe, protocol, host, tls) = match &policy.check {
            ReadinessCheck::Http { address, host, path, tls, headers: written } => {
                headers.extend(written.iter().cloned());
                let probe = Probe::Http {
                    method: Method::GET,
                    host: None,
                    path: path.clone(),
                    expected: (200..400).collect(),
                    retriable: Vec::new(),
                    body: None,
                };
                (probe, Protocol::Http1, host.clone(), anywhere(*tls, &address.ip().to_string()))
            }
            ReadinessCheck::Grpc { address, service } => {
                let probe = Probe::Grpc { service: service.clone() };
                (probe, Protocol::Http2, address.to_string().into(), None)
            }
            ReadinessCheck::Tcp(_) | ReadinessCheck::Exec { .. } => {
                let probe = Probe::Tcp { send: Vec::new(), receive: Vec::new() };
                (probe, Protocol::Http1, "".into(), None)
            }
        };
        let policy = HealthPolicy { timeout: policy.timeout, ..HealthPolicy::new(probe) };
        Self { policy, connector, tls, protocol, host, headers }
    }

    pub(crate) async fn ask(&self, address: &Address) -> Answer {
        match tokio::time::timeout(self.policy.timeout, self.connect_and_ask(address)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::silent(error.to_string()),
            Err(_) => Answer::silent(format!("no answer within {:?}", self.policy.timeout)),
        }
    }

    async fn connect_and_ask(&self, address: &Address) -> Result<Answer, BoxError> {
        let mut stream = self.connector.connect(address, None).await?;
        if let Some(tls) = &self.tls {
            stream = tls.handshake(stream, self.protocol).await?;
        }
        match &self.policy.probe {
            Probe::Tcp { send, receive } => tcp(stream, send, receive).await,
            Probe::Http { method, path, expected, retriable, body, .. } => {
                let request = self.request(method.clone(), path, Bytes::new())?;
                let (status, told_to_fail, start) = self
                    .exchange(stream, request, async |response| {
                        let told = response.headers().contains_key(IMMEDIATE_FAIL);
                        let status = response.status();
                        let start = match body {
                            Some(_) => read(response.into_body(), HTTP_BODY).await?.0,
                            None => Vec::new(),
                        };
                        Ok((status, told, start))
                    })
                    .await?;
                let code = status.as_u16();
                Ok(if told_to_fail {
                    Answer::denied(format!("it says {IMMEDIATE_FAIL}"))
                } else if expected.contains(&code) {
                    match body {
                        Some(wanted) if !contains(&start, wanted) => {
                            Answer::denied("the expected text is not in its body")
                        }
                        _ => Answer::pass(),
                    }
                } else if retriable.contains(&code) {
                    Answer::silent(format!("status {code}"))
                } else {
                    Answer::denied(format!("status {code}"))
                })
            }
            Probe::Grpc { service } => {
                let mut request = self.request(Method::POST, GRPC_PATH, grpc_request(service).into())?;
                let headers = request.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                headers.insert(TE, HeaderValue::from_static("trailers"));
                self.exchange(stream, request, async |response| {
                    if response.status() != StatusCode::OK {
                        return Ok(Answer::denied(format!("status {}", response.status().as_u16())));
                    }
                    let at_once = grpc::status(response.headers());
                    let (frame, status) = read(response.into_body(), GRPC_BODY).await?;
                    Ok(match at_once.or(status) {
                        Some(0) if is_serving(&frame) => Answer::pass(),
                        Some(0) => Answer::denied("it is not serving"),
                        Some(code) => Answer::denied(format!("gRPC status {code}")),
                        None => Answer::silent("no gRPC status"),
                    })
                })
                .await
            }
        }
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, BoxError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        match self.protocol {
            Protocol::Http1 => {
                *request.uri_mut() = path.parse()?;
                request.headers_mut().insert(HOST, HeaderValue::try_from(&*self.host)?);
                request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Protocol::Http2 => {
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                let uri = Uri::builder().scheme(scheme).authority(&*self.host).path_and_query(path);
                *request.uri_mut() = uri.build()?;
            }
        }
        Ok(request)
    }

    /// Sends the request and reads the response with `read`, while the connection is driven.
    async fn exchange<T>(
        &self,
        stream: Stream,
        request: Request<Full<Bytes>>,
        read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        let io = TokioIo::new(stream);
        match self.protocol {
            Protocol::Http1 => {
                let (mut sender, connection) = http1::handshake(io).await?;
                let exchange = async move { read(sender.send_request(request).await?).await };
                beside(exchange, connection).await
            }
            Protocol::Http2 => {
                let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                let exchange = async move { read(sender.send_request(request).await?).await };
                beside(exchange, connection).await
            }
        }
    }
}

/// Drives the connection as long as the exchange needs it. When the connection ends, the exchange goes on with the
/// bytes that have come, to an answer or an error.
async fn beside<T>(exchange: impl Future<Output = T>, connection: impl Future) -> T {
    match select(pin!(exchange), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, exchange)) => exchange.await,
    }
}

/// The first bytes of a body, and the gRPC status of its trailers if they follow.
async fn read(mut body: Incoming, limit: usize) -> Result<(Vec<u8>, Option<u8>), BoxError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        if let Some(trailers) = frame.trailers_ref() {
            return Ok((bytes, grpc::status(trailers)));
        }
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if bytes.len() >= limit {
            bytes.truncate(limit);
            break;
        }
    }
    Ok((bytes, None))
}

async fn tcp(mut stream: Stream, send: &[u8], receive: &[u8]) -> Result<Answer, BoxError> {
    if !send.is_empty() {
        stream.write_all(send).await?;
        stream.flush().await?;
    }
    let mut answer = Vec::new();
    while !contains(&answer, receive) {
        if answer.len() > TCP_ANSWER || stream.read_buf(&mut answer).await? == 0 {
            return Ok(Answer::silent("the expected bytes did not come"));
        }
    }
    Ok(Answer::pass())
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|window| window == wanted)
}
