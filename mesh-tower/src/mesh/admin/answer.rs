//! The answers of the admin pages: text, HTML, JSON and refusals.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use crate::body::Body;

pub(super) fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = with_status(StatusCode::METHOD_NOT_ALLOWED, text(""));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

pub(super) fn text(body: impl Into<Body>) -> Response<Body> {
    of_type("text/plain; charset=utf-8", body.into())
}

pub(super) fn no_such_path() -> Response<Body> {
    with_status(StatusCode::NOT_FOUND, text("no such path; / lists them\n"))
}

pub(super) fn page(body: impl Into<Body>) -> Response<Body> {
    of_type("text/html; charset=utf-8", body.into())
}

pub(super) fn value(value: &Value) -> Response<Body> {
    of_type("application/json", format!("{value:#}\n").into())
}

fn of_type(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn with_status(status: StatusCode, mut response: Response<Body>) -> Response<Body> {
    *response.status_mut() = status;
    response
}
