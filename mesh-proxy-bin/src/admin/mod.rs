//! The admin and the status endpoint: the [`Admin`] service on sockets of the control runtime.
//!
//! Around it stand layers of tower-http, as an application would put them there: a configuration of thousands of
//! services is megabytes of JSON, and gzip makes a small part of that; a page that panics costs its caller a 500 and
//! not the connection.

pub(crate) mod metrics;

use std::net::SocketAddr;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use mesh_tower::admin::Admin;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::trace::TraceLayer;

use crate::listen::bind;

/// How long the head of an admin request may take.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Longest body of a request that is served; no page reads one.
const BODY_MAX: usize = 16 << 10;

/// Binds the endpoint that the flag `--<name>` moves.
pub(crate) async fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        let reason = bind::explain(&error, &format!("--{name} ADDRESS:PORT"));
        format!("{name} endpoint: {address}: {reason}")
    })
}

/// Serves until dropped.
pub(crate) async fn serve(listener: TcpListener, admin: Admin) {
    let service = ServiceBuilder::new()
        // A 503 of `/ready` is an answer, not a failure to log.
        .layer(TraceLayer::new_for_http().on_failure(()))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(RequestBodyLimitLayer::new(BODY_MAX))
        .service(admin);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
                let service = TowerToHyperService::new(service.clone());
                let connection = http.serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "an admin connection broke");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin endpoint cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
