//! One request, and the script for it.

use bytes::Bytes;
use http::Method;

/// A request that goes through both proxies.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(super) method: Method,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) http2: bool,
}

/// GET of a path at a host.
pub(crate) fn get(host: &str, path: &str) -> Step {
    Step {
        method: Method::GET,
        host: host.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
        http2: false,
    }
}

/// POST of this body.
pub(crate) fn post(host: &str, path: &str, body: impl Into<Bytes>) -> Step {
    Step { method: Method::POST, body: body.into(), ..get(host, path) }
}

impl Step {
    /// With another method.
    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.parse().unwrap();
        self
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the script of the backends, attempt by attempt; see [`super::backend`].
    pub(crate) fn script(self, script: &str) -> Self {
        self.header("x-script", script)
    }

    /// With headers that the backends add to their answer, as `name=value;name=value`.
    pub(crate) fn answer(self, headers: &str) -> Self {
        self.header("x-answer", headers)
    }

    /// Over HTTP/2.
    pub(crate) fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// As a gRPC call of one empty message.
    pub(crate) fn grpc(mut self) -> Self {
        self.method = Method::POST;
        self.body = Bytes::from_static(&[0; 5]);
        self.http2().header("content-type", "application/grpc").header("te", "trailers")
    }
}
