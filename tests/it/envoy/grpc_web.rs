//! Calls of pages (RF-6).

use super::harness::{Both, Pair, Step, post, recorded};

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";

async fn pair() -> Option<Pair> {
    Pair::gateway("grpc_web", &["one"]).await
}

const TAKEN: &str = "grpc-web: which calls count as it";
const OWN: &str = "grpc-web: answers of our own";

/// The same outcome, but our proxy announces the length of a binary upload to the endpoint.
#[track_caller]
fn alike(both: Both, content_type: &str) -> Both {
    let lines: &[&str] = if content_type == BINARY { &["+ attempt 1 header content-length: 5"] } else { &[] };
    both.differ(TAKEN, lines)
}

/// A call of one empty message.
fn call(path: &str, content_type: &str) -> Step {
    let body = if content_type == TEXT { "AAAAAAA=" } else { "\0\0\0\0\0" };
    post("page.test", path, body).header("content-type", content_type).header("accept", content_type)
}

#[tokio::test]
async fn rf_6_calls_that_are_answered() {
    let Some(pair) = pair().await else { return };
    for content_type in [BINARY, TEXT] {
        for script in ["trailers=0", "trailers=9", "grpc=5"] {
            let seen = alike(pair.send(call("/call", content_type).script(script)).await, content_type).ours;
            assert_eq!((seen.status(), seen.header("content-type")), (200, content_type));
            assert_eq!(seen.sent(1, "content-type"), "application/grpc");
        }
    }
}

#[tokio::test]
async fn rf_6_answers_that_are_no_grpc() {
    let Some(pair) = pair().await else { return };
    for content_type in [BINARY, TEXT] {
        for (script, status) in [("503", "14"), ("404", "12"), ("200", "2")] {
            let seen = alike(pair.send(call("/call", content_type).script(script)).await, content_type).ours;
            assert_eq!((seen.header("grpc-status"), seen.header("grpc-message")), (status, "one"));
        }
    }
}

#[tokio::test]
async fn rf_6_answers_of_the_proxys_own() {
    let Some(pair) = pair().await else { return };
    for content_type in [BINARY, TEXT] {
        for (path, http, grpc) in
            [("/abort", 403, "7"), ("/direct", 503, "14"), ("/unknown", 503, "14"), ("/none", 404, "12")]
        {
            let lines = [("+", 200), ("-", http)]
                .map(|(side, code)| [format!("{side} log code: {code}"), format!("{side} status {code}")]);
            let mut lines: Vec<&str> = lines.iter().flatten().map(String::as_str).collect();
            // Without a body Envoy's filter gives no status.
            let shown = format!("+ header grpc-status: {grpc}");
            if matches!(path, "/unknown" | "/none") {
                lines.push(&shown);
            }
            let seen = pair.send(call(path, content_type)).await.differ(OWN, &lines).ours;
            assert_eq!(seen.header("grpc-status"), grpc, "{path}");
        }
    }
}

#[tokio::test]
async fn rf_6_uploads_that_are_no_base64() {
    let Some(pair) = pair().await else { return };
    recorded(TAKEN);
    for text in ["AAAAA", "AA*AAAA="] {
        let step = post("page.test", "/call", text).header("content-type", TEXT).header("accept", TEXT);
        let both = pair.send(step).await;
        assert_eq!((both.ours.status(), both.envoy.status()), (200, 400));
        let shown = |seen: &super::harness::Seen| {
            let headers =
                ["content-type", "grpc-status", "grpc-message"].map(|name| seen.header(name).to_owned());
            (headers, seen.answer.body.clone(), ["flags", "details"].map(|name| seen.logged(name).to_owned()))
        };
        assert_eq!(shown(&both.ours), shown(&both.envoy), "{text}");
        assert_eq!(both.ours.header("grpc-status"), "13");
    }
}
