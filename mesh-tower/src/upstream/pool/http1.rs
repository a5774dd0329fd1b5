//! One HTTP/1.1 connection to an endpoint.

use std::pin::pin;
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use mesh_core::headers::framing::{self, Misframed};
use mesh_core::outcome::Reset;
use tokio::task::JoinHandle;

use super::connection::{Facts, expects_content};
use super::failure::Failure;
use crate::body::Body;
use crate::clock::now;
use crate::http::failure::classify;
use crate::http::request_holder::RequestHolder;
use crate::upstream::transport::Written;

/// An exclusive HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    /// Gone once the connection has ended under a request. Dropping it ends the connection gracefully.
    sender: Option<http1::SendRequest<Body>>,
    /// The connection's task.
    task: JoinHandle<()>,
    pub(super) written: Written,
    pub(super) facts: Facts,
    pub(super) served: u32,
    /// Whether it serves no further request: hyper speaks HTTP/1.0 to a peer that has answered so, and would drop each
    /// body of unknown length.
    pub(super) is_last: bool,
    pub(super) idle_since: Instant,
    /// How long it had been idle when it was lent, where the pool knows how long the endpoint keeps it.
    pub(super) waited: Duration,
    /// How long the endpoint keeps it idle by its own words (`Keep-Alive: timeout=`), until `Idle` has taken note.
    pub(super) announced: Option<Duration>,
}

impl Http1 {
    pub(super) fn new(
        sender: http1::SendRequest<Body>,
        task: JoinHandle<()>,
        written: Written,
        facts: Facts,
    ) -> Self {
        let (idle_since, waited) = (now(), Duration::ZERO);
        Self {
            sender: Some(sender),
            task,
            written,
            facts,
            served: 0,
            is_last: false,
            idle_since,
            waited,
            announced: None,
        }
    }

    /// Whether it can take a request now.
    pub(super) fn is_open(&self) -> bool {
        self.sender.as_ref().is_some_and(http1::SendRequest::is_ready)
    }

    /// Waits until it can take a request; whether it ever will.
    pub(super) async fn settled(&mut self) -> bool {
        match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        }
    }

    /// Closes it in the middle of an exchange.
    pub(super) fn abort(&self) {
        self.task.abort();
    }

    pub(super) async fn send<R: RequestHolder>(
        &mut self,
        mut held: R,
    ) -> Result<Response<Incoming>, Failure<R>> {
        let before = self.written.bytes();
        frame(held.get_mut());
        let reused = self.served > 0;
        self.served += 1;
        let sender = self.sender.as_mut().expect("a connection that has ended is not lent again");
        let mut sending = pin!(sender.try_send_request(held.release()));
        let sent = tokio::select! {
            biased;
            sent = &mut sending => sent,
            _ = &mut self.task => {
                // A request that is queued while the connection ends may be overlooked by it. It comes
                // back, unsent, when no task is left that could send it.
                self.sender = None;
                sending.await
            }
        };
        let mut response = sent.map_err(|mut error| {
            let request = error.take_message().map(R::holding);
            let written = request.is_none() && self.written.bytes() != before;
            let error = error.into_error();
            let reset = classify(&error);
            Failure { reset, written, reused, drained: false, request, source: error.into() }
        })?;
        if !reused {
            self.announced = announced(response.headers());
        }
        self.is_last = response.version() == Version::HTTP_10;
        if let Err(misframed) = judge(&mut response) {
            let (reset, source) = (Reset::Protocol, misframed.into());
            return Err(Failure { reset, written: true, reused, drained: false, request: None, source });
        }
        Ok(response)
    }
}

/// `Keep-Alive: timeout=5, max=100` (RFC 2068 §19.7.1.1, as servers write it): seconds.
fn announced(headers: &HeaderMap) -> Option<Duration> {
    let parameters = headers.get("keep-alive")?.to_str().ok()?;
    let timeout = parameters.split(',').find_map(|parameter| parameter.trim().strip_prefix("timeout="))?;
    timeout.parse().ok().map(Duration::from_secs)
}

/// Frames the body where hyper would not.
///
/// A POST, PUT or PATCH without a body gets `content-length: 0`, as RFC 9110 (8.6) asks: some servers answer 411
/// otherwise. A GET or HEAD with a body of unknown length is chunked: hyper would take it for one without a body, and
/// drop the body.
fn frame(request: &mut Request<Body>) {
    let (name, value) = if request.body().is_end_stream() {
        if !expects_content(request.method()) {
            return;
        }
        (CONTENT_LENGTH, HeaderValue::from_static("0"))
    } else {
        if !matches!(*request.method(), Method::GET | Method::HEAD)
            || request.body().size_hint().exact().is_some()
        {
            return;
        }
        (TRANSFER_ENCODING, HeaderValue::from_static("chunked"))
    };
    if !request.headers().contains_key(CONTENT_LENGTH) {
        request.headers_mut().insert(name, value);
    }
}

/// Refuses an answer that another reader might take to end elsewhere than hyper does.
fn judge(response: &mut Response<Incoming>) -> Result<(), Misframed> {
    // hyper takes a length only from where there is no transfer coding.
    let sized = response.body().size_hint().exact().is_some_and(|length| length > 0);
    framing::response(response.status(), response.version(), response.headers_mut(), sized)
}
