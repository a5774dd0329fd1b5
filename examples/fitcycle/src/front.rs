//! The common part of the services that call the API: web-server, mobile-server and report-server.
//!
//! Each passes on the name of the api-server that answered, adds its own, and answers 503 when no usable answer came.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::upstream::{AnsweredBy, ApiClient, Failure, SignupList};

/// Header that names the front instance which made an answer.
pub(crate) const SERVED_BY: HeaderName = HeaderName::from_static("x-fitcycle-served-by");

/// One running front: its way to the API and its name.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    pub(crate) api: ApiClient,
    pub(crate) instance: String,
}

impl Front {
    pub(crate) fn new(api: ApiClient, instance: &str) -> Self {
        Self { api, instance: instance.to_owned() }
    }

    /// Puts the names of both services into headers.
    pub(crate) fn sign(&self, headers: &mut HeaderMap, by: Option<&AnsweredBy>) {
        if let Some(by) = by {
            by.write(headers);
        }
        if let Ok(instance) = HeaderValue::from_str(&self.instance) {
            headers.insert(SERVED_BY, instance);
        }
    }

    /// Asks for the newest sign-ups and answers in JSON what `body` makes of them.
    pub(crate) async fn json(&self, body: impl FnOnce(&SignupList, &AnsweredBy) -> Value) -> Response {
        let (by, outcome) = self.api.newest().await;
        let (status, json) = match outcome {
            Ok(list) => (StatusCode::OK, body(&list, &by)),
            Err(failure) => {
                tracing::warn!(?failure, "the API gave no list");
                let message = match failure {
                    Failure::Unavailable(reason) => reason,
                    Failure::Refused(_) => "the API refused to list".to_owned(),
                };
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    json!({ "error": { "code": "unavailable", "message": message } }),
                )
            }
        };
        let mut response = (status, Json(json)).into_response();
        self.sign(response.headers_mut(), Some(&by));
        response
    }
}
