//! A backend's action on an attempt, by the request's script.
//!
//! | act | what comes |
//! |---|---|
//! | nothing, or a status | a response of this status, its body that of the request |
//! | `grpc-14` | a gRPC status in the headers, and nothing else |
//! | `grpc-14/2` | the same with `grpc-retry-pushback-ms: 2` |
//! | `trailers-14` | a gRPC message, then the status in trailers |
//! | `limited` | 429 with `x-envoy-ratelimited` |
//! | `break` | the connection, or stream, ends without a response |
//! | `cut` | the same once the caller has read the response's first bytes |
//! | `never` | nothing at all |
//! | `stall` | the response's first bytes, and nothing more |
//!
//! Whatever comes, comes at once: which side of a timeout an answer falls on is no matter of luck.

use std::future::{Future, pending};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};

/// The header with a request's script: acts, attempt by attempt; the last act holds for all later attempts.
pub(super) const SCRIPT: &str = "x-script";

/// An empty gRPC message.
pub(super) const MESSAGE: &str = "\0\0\0\0\0";

/// The first bytes of a body that does not end.
const BEGINNING: &str = "the first bytes";

/// The reason of a break.
pub(super) type Broken = &'static str;
const AS_SCRIPTED: Broken = "as the script says";

pub(super) type Answer = Response<UnsyncBoxBody<Bytes, Broken>>;

/// The act of this script for the attempt of this number, from 1.
pub(super) fn of(script: &str, attempt: usize) -> String {
    let acts: Vec<&str> = script.split(',').collect();
    acts.get(attempt - 1).or(acts.last()).copied().unwrap_or_default().to_owned()
}

/// Plays the act; `body` is the request's, and `heard` resolves when the caller has read from this response.
pub(super) async fn play<H>(act: &str, body: Bytes, heard: H) -> Result<Answer, Broken>
where
    H: Future<Output = ()> + Send + 'static,
{
    let (name, detail) = act.split_once('-').unwrap_or((act, ""));
    let (code, pushback) = detail.split_once('/').unwrap_or((detail, ""));
    Ok(match name {
        "" => whole(StatusCode::OK, body),
        "break" => return Err(AS_SCRIPTED),
        "never" => return pending().await,
        "stall" => beginning(pending()),
        "cut" => beginning(heard),
        "limited" => {
            let mut response = whole(StatusCode::TOO_MANY_REQUESTS, body);
            response.headers_mut().insert("x-envoy-ratelimited", HeaderValue::from_static("true"));
            response
        }
        "grpc" => {
            let mut response = grpc(Bytes::new(), None);
            response.headers_mut().extend(status(code));
            if !pushback.is_empty() {
                response.headers_mut().insert("grpc-retry-pushback-ms", value(pushback));
            }
            response
        }
        "trailers" => grpc(Bytes::from_static(MESSAGE.as_bytes()), Some(status(code))),
        code => whole(code.parse().expect("a script of acts"), body),
    })
}

fn whole(status: StatusCode, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// The first bytes of a response, then its break once this resolves.
fn beginning(end: impl Future<Output = ()> + Send + 'static) -> Answer {
    let first = stream::iter([Ok(Frame::data(Bytes::from_static(BEGINNING.as_bytes())))]);
    let last = end.map(|()| Err(AS_SCRIPTED)).into_stream();
    Response::new(StreamBody::new(first.chain(last)).boxed_unsync())
}

fn grpc(message: Bytes, trailers: Option<HeaderMap>) -> Answer {
    let body = Full::new(message).map_err(|never| match never {});
    let mut response = Response::new(match trailers {
        None => body.boxed_unsync(),
        Some(trailers) => body.with_trailers(async { Some(Ok(trailers)) }).boxed_unsync(),
    });
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn status(code: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-status", value(code));
    headers.insert("grpc-message", HeaderValue::from_static("as scripted"));
    headers
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("a script of plain text")
}
