//! api-server: the JSON API, in two versions that run side by side.
//!
//! ```text
//! GET  /api/v1.0/signups   200 {"signups":[{id,firstname,lastname,email}…]}       newest first, bounded
//! POST /api/v1.0/signups   201 the stored sign-up · 400 not JSON · 413 too long · 422 refused, field by field
//! GET  /healthz            200 once the table is there
//! ```
//! v2 also gives `total`, and a `displayName` for each sign-up. Each answer says in its headers which version
//! and instance made it, so that a canary can be seen.

mod error;
#[cfg(test)]
mod tests;

use std::fmt;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::layers;
use crate::model::{Draft, Signup};
use crate::serve::{self, ServeArgs};
use crate::store::{Location, Store};
use crate::upstream::{INSTANCE, SIGNUPS, VERSION};
use error::ApiError;

/// Environment variable for the database: unlike an argument, not everybody on the machine can read the password in it.
pub(crate) const DATABASE: &str = "FITCYCLE_DATABASE";
/// Most sign-ups in one answer.
pub(crate) const PAGE: u32 = 50;
/// Longest request body.
const BODY_MAX: usize = 16 << 10;

/// The version that this process plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Version {
    V1,
    V2,
}

impl Version {
    /// As the `version` label of its pods says it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Command line of the api-server.
#[derive(Clone, Debug, Args)]
pub(crate) struct ApiArgs {
    #[command(flatten)]
    serve: ServeArgs,
    /// Which version to be.
    #[arg(long, default_value = "v1")]
    version: Version,
    /// A file for SQLite, or a mysql:// address.
    #[arg(long, value_name = "WHERE", env = DATABASE, hide_env_values = true, default_value = "fitcycle.db")]
    database: Location,
}

/// Runs an api-server until it is asked to stop.
pub(crate) async fn run(args: ApiArgs) -> anyhow::Result<()> {
    let store = Store::open(&args.database).await?;
    let instance = args.serve.instance_or(&format!("api-server-{}", args.version));
    let router = layers::around(router(store.clone(), args.version, &instance));
    let outcome = serve::run(&args.serve, router).await;
    store.close().await;
    outcome
}

#[derive(Clone)]
struct Api {
    store: Store,
    version: Version,
}

/// The whole service over a store.
pub(crate) fn router(store: Store, version: Version, instance: &str) -> Router {
    let instance = HeaderValue::from_str(instance).unwrap_or(HeaderValue::from_static("unnamed"));
    let sign = move |request: Request, next: Next| {
        let instance = instance.clone();
        async move {
            let mut response = next.run(request).await;
            response.headers_mut().insert(VERSION, HeaderValue::from_static(version.label()));
            response.headers_mut().insert(INSTANCE, instance);
            response
        }
    };
    Router::new()
        .route(SIGNUPS, get(list).post(create))
        .route("/healthz", get(health))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn(sign))
        .with_state(Api { store, version })
}

/// One sign-up as this version writes it.
#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    signup: Signup,
    #[serde(rename = "displayName", skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
}

impl Entry {
    fn new(signup: Signup, version: Version) -> Self {
        let display_name = (version == Version::V2).then(|| signup.display_name());
        Self { signup, display_name }
    }
}

#[derive(Serialize)]
struct Listing {
    signups: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

async fn list(State(api): State<Api>) -> Result<Json<Listing>, ApiError> {
    let newest = api.store.newest(PAGE).await?;
    let total = match api.version {
        Version::V1 => None,
        Version::V2 => Some(api.store.count().await?),
    };
    let signups = newest.into_iter().map(|signup| Entry::new(signup, api.version)).collect();
    Ok(Json(Listing { signups, total }))
}

async fn create(
    State(api): State<Api>,
    draft: Result<Json<Draft>, JsonRejection>,
) -> Result<Response, ApiError> {
    let draft = draft?.0.check().map_err(ApiError::Invalid)?;
    let signup = api.store.insert(draft).await?;
    Ok((StatusCode::CREATED, Json(Entry::new(signup, api.version))).into_response())
}

async fn health(State(api): State<Api>) -> Result<&'static str, ApiError> {
    api.store.newest(1).await?;
    Ok("ok\n")
}
