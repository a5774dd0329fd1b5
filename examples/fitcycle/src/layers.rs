//! What stands around the routes of every service, all of it from tower-http.
//!
//! ```text
//! request ─▶ [the mesh's layer] ─▶ trace ─▶ compression ─▶ catch-panic ─▶ body limit ─▶ routes
//! ```
//! The mesh's layer stands outside, so that it counts the 500 of a panic and the 413 of a long body, and the
//! bytes that leave compressed.

use axum::Router;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::trace::TraceLayer;

/// Longest request body that any service reads, in bytes. Forms and JSON have lower limits of their own, which
/// answer in the service's words.
pub(crate) const BODY_MAX: usize = 64 << 10;

/// The routes with these layers around them.
pub(crate) fn around(router: Router) -> Router {
    router.layer(
        ServiceBuilder::new()
            // Outermost: it logs (at debug) what the caller gets, and failures as errors.
            .layer(TraceLayer::new_for_http())
            .layer(CompressionLayer::new())
            // Logs the panic as an error and answers 500; without it the connection would end without an answer.
            .layer(CatchPanicLayer::new())
            // An announced length over the limit is answered before a byte of the body is read.
            .layer(RequestBodyLimitLayer::new(BODY_MAX)),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use axum::body::{Body, Bytes};
    use axum::http::{Request, StatusCode};
    use axum::response::Response;
    use axum::routing::{get, post};
    use tower::ServiceExt;

    use super::*;

    async fn broken() -> &'static str {
        let prices: Vec<&str> = Vec::new();
        prices[0]
    }

    async fn ask(request: Request<Body>) -> Response {
        let routes = Router::new()
            .route("/broken", get(broken))
            .route("/long", get(async || "a".repeat(10_000)))
            .route("/size", post(async |body: Bytes| body.len().to_string()));
        around(routes).oneshot(request).await.unwrap()
    }

    async fn bytes(response: Response) -> Bytes {
        axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap()
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_500_and_a_line_in_the_log() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let response = ask(Request::get("/broken").body(Body::empty()).unwrap()).await;
        drop(guard);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("ERROR") && text.contains("index out of bounds"), "{text}");
    }

    #[tokio::test]
    async fn an_answer_is_compressed_for_a_caller_that_takes_it() {
        let plain = ask(Request::get("/long").body(Body::empty()).unwrap()).await;
        assert!(!plain.headers().contains_key("content-encoding"));
        assert_eq!(bytes(plain).await.len(), 10_000);

        let request = Request::get("/long").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
        let packed = ask(request).await;
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        assert!(bytes(packed).await.len() < 1_000);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_a_413() {
        let fits = Request::post("/size").body(Body::from(vec![b'a'; BODY_MAX])).unwrap();
        let fits = ask(fits).await;
        assert_eq!((fits.status(), &*bytes(fits).await), (StatusCode::OK, &b"65536"[..]));

        let announced = Request::post("/size").header("content-length", BODY_MAX + 1);
        let announced = ask(announced.body(Body::from(vec![b'a'; BODY_MAX + 1])).unwrap()).await;
        assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);

        let pieces = [vec![b'a'; BODY_MAX], vec![b'a']].map(Ok::<_, std::io::Error>);
        let streamed = Body::from_stream(futures_util::stream::iter(pieces));
        let streamed = ask(Request::post("/size").body(streamed).unwrap()).await;
        assert_eq!(streamed.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
