//! Fixed answers (VA-9).

use bytes::Bytes;

use super::{PolicyResult, located};
use crate::api::istio::HttpDirectResponse;
use crate::route::DirectResponse;

/// A fixed answer as written.
pub(crate) fn direct_response(written: &HttpDirectResponse) -> PolicyResult<DirectResponse> {
    let body = written.body.as_ref().map(|body| match (&body.string, &body.bytes) {
        (Some(text), _) => Bytes::copy_from_slice(text.as_bytes()),
        (None, Some(bytes)) => Bytes::copy_from_slice(&bytes.0),
        (None, None) => Bytes::new(),
    });
    DirectResponse::new(written.status, body.unwrap_or_default())
        .map_err(|errors| located(errors, &[("", Some(&written.at))]))
}
