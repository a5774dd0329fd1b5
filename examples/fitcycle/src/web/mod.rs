//! web-server: the pages for people.
//!
//! ```text
//! GET  /          welcome, the sign-up form, the newest members
//! POST /          the form; 303 to the list when it worked, the form again when it did not
//! GET  /signups   the newest sign-ups as a table
//! GET  /healthz   200 while the process serves
//! ```
//! Everything it shows comes from the API. When that does not answer, the page still stands, says so, and has
//! status 503: a failure that looked like a success would hide the failures that a mesh prevents.

mod html;
mod page;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::front::Front;
use crate::model::Draft;
use crate::upstream::Failure;
use page::{Entry, Origin, Page};

/// Nothing from elsewhere, no scripts.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
/// Longest form that is read.
const FORM_MAX: usize = 16 << 10;

/// The whole service.
pub(crate) fn router(front: Front) -> Router {
    Router::new()
        .route("/", get(home).post(sign_up))
        .route("/signups", get(list))
        .route("/healthz", get(async || "ok\n"))
        .fallback(missing)
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .with_state(front)
}

async fn home(State(front): State<Front>) -> Response {
    let (by, members) = front.api.newest().await;
    let status = status_of(&members);
    show(&front, status, Origin::of(&by, &members), |page| page.home(&Entry::default(), &members))
}

async fn list(State(front): State<Front>, Query(query): Query<ListQuery>) -> Response {
    let (by, members) = front.api.newest().await;
    let status = status_of(&members);
    show(&front, status, Origin::of(&by, &members), |page| page.list(&members, query.new))
}

#[derive(Deserialize)]
struct ListQuery {
    /// The sign-up that was just made, to be greeted.
    new: Option<i64>,
}

async fn sign_up(State(front): State<Front>, form: Result<Form<Draft>, FormRejection>) -> Response {
    let draft = match form {
        Ok(Form(draft)) => draft,
        Err(rejection) => {
            let note = format!("The form could not be read: {}", rejection.body_text());
            let entry = Entry { note: Some(note), ..Entry::default() };
            return show(&front, rejection.status(), Origin::Nobody, |page| page.form_again(&entry));
        }
    };
    let (by, outcome) = match draft.check() {
        Ok(clean) => {
            let (by, outcome) = front.api.create(&clean).await;
            (Some(by), outcome)
        }
        Err(errors) => (None, Err(Failure::Refused(errors))),
    };
    match outcome {
        Ok(made) => {
            let mut response = Redirect::to(&format!("/signups?new={}", made.id)).into_response();
            front.sign(response.headers_mut(), by.as_ref());
            response
        }
        Err(Failure::Refused(errors)) => {
            let entry = Entry { draft, errors, note: None };
            let origin = by.as_ref().map_or(Origin::Nobody, Origin::Api);
            show(&front, StatusCode::UNPROCESSABLE_ENTITY, origin, |page| page.form_again(&entry))
        }
        Err(Failure::Unavailable(reason)) => {
            tracing::warn!(%reason, "a sign-up was not stored");
            let note =
                "You are not signed up yet: the API did not answer. Nothing is lost, please send it again.";
            let entry = Entry { draft, errors: Vec::new(), note: Some(note.to_owned()) };
            let origin = Origin::Failed(&reason);
            show(&front, StatusCode::SERVICE_UNAVAILABLE, origin, |page| page.form_again(&entry))
        }
    }
}

async fn missing(State(front): State<Front>) -> Response {
    show(&front, StatusCode::NOT_FOUND, Origin::Nobody, |page| page.missing())
}

fn status_of<T>(outcome: &Result<T, Failure>) -> StatusCode {
    match outcome {
        Ok(_) => StatusCode::OK,
        Err(failure) => {
            tracing::warn!(?failure, "the API gave no list");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

fn show(
    front: &Front,
    status: StatusCode,
    origin: Origin<'_>,
    write: impl FnOnce(&Page<'_>) -> String,
) -> Response {
    let html = write(&Page { origin, instance: &front.instance });
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    front.sign(headers, origin.api());
    response
}
