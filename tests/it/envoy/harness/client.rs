//! Sends a step, on a connection of its own.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{DEADLINE, Step};

/// The caller's response.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) trailers: HeaderMap,
}

/// The answer to a step with this number.
pub(crate) async fn send(address: SocketAddr, step: &Step, number: &str) -> Answer {
    let answer = async {
        let response = head(address, step, number).await;
        let (head, mut body) = response.into_parts();
        let mut answer = Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::new(),
            trailers: HeaderMap::new(),
        };
        while let Some(frame) = body.frame().await {
            match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(data)) => answer.body.push_str(&String::from_utf8_lossy(&data)),
                Ok(Err(frame)) => answer.trailers = frame.into_trailers().unwrap(),
                Err(_) => answer.body.push_str("<broken off>"),
            }
        }
        answer
    };
    timeout(DEADLINE, answer).await.unwrap_or_else(|_| panic!("no answer to {step:?}"))
}

async fn head(address: SocketAddr, step: &Step, number: &str) -> Response<Incoming> {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let mut request = Request::builder().method(step.method.clone()).header("x-step", number);
    for (name, value) in &step.headers {
        request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let body = Full::<Bytes>::new(step.body.clone());
    if step.http2 {
        let uri = Uri::builder().scheme("http").authority(step.host.as_str()).path_and_query(&step.path);
        let request = request.uri(uri.build().unwrap()).body(body).unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        // The request reports the error too.
        tokio::spawn(connection);
        return sender.send_request(request).await.unwrap();
    }
    let request = request.header("host", &step.host).uri(&step.path).body(body).unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    // The request reports the error too.
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}
