//! Cross-origin requests.

use super::harness::{Pair, Step, get};

async fn pair() -> Option<Pair> {
    Pair::gateway("cors", &["one"]).await
}

fn preflight(path: &str, origin: &str) -> Step {
    get("cors.test", path)
        .method("OPTIONS")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "x-asked, x-for")
}

#[tokio::test]
async fn va_12_preflights() {
    let Some(pair) = pair().await else { return };
    for origin in ["https://shop.test", "https://prefix", "https://some.dev"] {
        let seen = pair.send(preflight("/listed", origin)).await.alike();
        assert_eq!((seen.status(), seen.arrivals.len()), (200, 0), "{origin}");
        assert_eq!(seen.header("access-control-allow-origin"), origin);
        assert_eq!(seen.header("access-control-max-age"), "86400");
    }
    let seen = pair.send(preflight("/any", "null")).await.alike();
    assert_eq!(seen.header("access-control-allow-headers"), "x-asked, x-for");
}

#[tokio::test]
async fn va_12_preflights_of_other_origins() {
    let Some(pair) = pair().await else { return };
    for origin in ["https://shop.test.evil", "https://SHOP.test", "http://shop.test", "https://so me.dev"] {
        let seen = pair.send(preflight("/listed", origin)).await.alike();
        assert_eq!(seen.arrivals.len(), 1, "{origin}");
        assert_eq!(seen.header("access-control-allow-origin"), "", "{origin}");
    }
    let seen = pair.send(preflight("/ignored", "https://evil.test")).await.alike();
    assert_eq!((seen.status(), seen.arrivals.len()), (200, 0));
    assert_eq!(seen.header("access-control-allow-origin"), "");
    assert_eq!(seen.header("access-control-allow-methods"), "GET");
}

#[tokio::test]
async fn va_12_requests() {
    let Some(pair) = pair().await else { return };
    let from = |origin: &str| get("cors.test", "/listed").header("origin", origin);
    let seen = pair.send(from("https://shop.test")).await.alike();
    assert_eq!(seen.header("access-control-allow-origin"), "https://shop.test");
    assert_eq!(seen.header("access-control-expose-headers"), "x-cost,x-more");
    let seen = pair.send(from("https://evil.test")).await.alike();
    assert_eq!((seen.status(), seen.header("access-control-allow-origin")), (200, ""));
    pair.send(get("cors.test", "/listed")).await.alike();
    // Not a preflight: it asks for no method.
    let plain = get("cors.test", "/listed").method("OPTIONS").header("origin", "https://shop.test");
    assert_eq!(pair.send(plain).await.alike().arrivals.len(), 1);
    // The backend's own CORS headers are replaced.
    let own = from("https://shop.test").answer("access-control-allow-origin=*;vary=accept");
    assert_eq!(pair.send(own).await.alike().header("access-control-allow-origin"), "https://shop.test");
}

#[tokio::test]
async fn va_12_a_page_may_read_our_own_failures() {
    let Some(pair) = pair().await else { return };
    let text = "upstream connect error or disconnect/reset before headers. reset reason: remote connection \
                failure";
    let step = get("cors.test", "/closed").header("origin", "https://shop.test");
    let seen = pair.send(step).await.connect_failure(text);
    assert_eq!((seen.status(), seen.header("access-control-allow-origin")), (503, "https://shop.test"));
}
