//! Makes an error the response that the proxy would send (RF-7).

use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use mesh_core::reply::Dialect;

use super::{Error, ErrorParts};
use crate::body::Body;

impl Error {
    /// The dialect of the response: the one that a layer has set, else `default`.
    pub(crate) fn dialect(&self, default: impl Into<Dialect>) -> Dialect {
        self.0.dialect.unwrap_or_else(|| default.into())
    }

    /// The text of the reply with the hint, if there is one. The context stays out: a program may pass a status on to its
    /// own callers, and they must not see addresses.
    pub(crate) fn advised(&self) -> Option<String> {
        let ErrorParts { reply, advice, .. } = &*self.0;
        Some(format!("{} ({})", reply.body, advice.as_ref()?))
    }

    /// The response that the proxy would send; `grpc` says that the request was gRPC. The error itself knows if the call
    /// was grpc-web on a port that speaks it (RF-6).
    #[must_use]
    pub fn response(&self, grpc: bool) -> Response<Body> {
        self.whole_response(grpc).map(Body::from)
    }

    /// [`Error::response`] with the bytes of its body.
    pub(crate) fn whole_response(&self, grpc: bool) -> Response<Bytes> {
        let mut response = self.0.reply.response(self.dialect(grpc)).map(|body| match body {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        });
        response.headers_mut().insert(
            "x-mesh-reason",
            http::HeaderValue::try_from(self.0.reply.details.as_ref())
                .unwrap_or_else(|_| http::HeaderValue::from_static("local")),
        );
        // The rule's content type of the body holds, except for gRPC (VA-9); other headers of the reply win.
        if let Some(written) = self.0.headers.get(CONTENT_TYPE)
            && response.headers().get("grpc-status").is_none()
        {
            response.headers_mut().insert(CONTENT_TYPE, written.clone());
        }
        if self.0.headers.is_empty() {
            return response;
        }
        let own = response.headers().clone();
        for (name, value) in self.0.headers.iter().filter(|(name, _)| !own.contains_key(*name)) {
            response.headers_mut().append(name, value.clone());
        }
        response
    }
}
