//! Errors of the API: always JSON, always the same shape.
//!
//! The [layers](crate::layers) around the API answer a panic and a body over their limit in plain text.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::model::FieldError;

/// A refusal or a failure, as `{"error":{"code","message","fields"?}}`.
#[derive(Debug)]
pub(super) enum ApiError {
    Unreadable(JsonRejection),
    Invalid(Vec<FieldError>),
    NotFound,
    MethodNotAllowed,
    Store(sqlx::Error),
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error)
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::Unreadable(rejection)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, message, fields) = match self {
            Self::Unreadable(rejection) => {
                let status = match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
                    StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    _ => StatusCode::BAD_REQUEST,
                };
                (status, "unreadable", rejection.body_text(), Vec::new())
            }
            Self::Invalid(fields) => {
                let message = "some fields were refused".to_owned();
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid", message, fields)
            }
            Self::NotFound => {
                (StatusCode::NOT_FOUND, "not_found", "there is nothing here".to_owned(), Vec::new())
            }
            Self::MethodNotAllowed => {
                let message = "this path takes GET and POST only".to_owned();
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message, Vec::new())
            }
            Self::Store(error) => {
                tracing::error!(%error, "the store failed");
                let message = "the database did not answer".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, "store", message, Vec::new())
            }
        };
        let mut error = json!({ "code": code, "message": message });
        if !fields.is_empty() {
            error["fields"] = json!(fields);
        }
        (status, Json(json!({ "error": error }))).into_response()
    }
}
