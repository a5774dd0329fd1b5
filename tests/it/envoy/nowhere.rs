//! Requests that reach no backend.

use super::harness::{Pair, get};

async fn pair() -> Option<Pair> {
    Pair::gateway("routing", &["one", "two"]).await
}

#[tokio::test]
async fn h_9_rf_2_an_unknown_host_is_404() {
    let Some(pair) = pair().await else { return };
    let seen = pair.send(get("stranger.test", "/")).await.alike();
    assert_eq!((seen.status(), seen.logged("flags"), seen.logged("details")), (404, "NR", "route_not_found"));
    assert_eq!(seen.answer.body, "");
    let seen = pair.send(get("stranger.test", "/").http2()).await.alike();
    assert_eq!(seen.status(), 404);
}

#[tokio::test]
async fn va_2_rf_2_an_unknown_cluster_is_503() {
    let Some(pair) = pair().await else { return };
    let seen = pair.send(get("nowhere.test", "/unknown")).await.alike();
    assert_eq!(
        (seen.status(), seen.logged("flags"), seen.logged("details")),
        (503, "NC", "cluster_not_found")
    );
}

#[tokio::test]
async fn lb_4_rf_2_no_host_is_503() {
    let Some(pair) = pair().await else { return };
    let (heading, lines) = ("Attempts are tries at an endpoint", ["+ log attempts: 0", "- log attempts: 1"]);
    let seen = pair.send(get("nowhere.test", "/empty")).await.differ(heading, &lines).ours;
    assert_eq!((seen.status(), seen.logged("flags")), (503, "UH"));
    assert_eq!(seen.answer.body, "no healthy upstream");
    let seen = pair.send(get("nowhere.test", "/empty").grpc()).await.differ(heading, &lines).ours;
    assert_eq!((seen.status(), seen.header("grpc-status")), (200, "14"));
}

#[tokio::test]
async fn rt_13_rf_2_a_refused_connection_is_503_after_retries() {
    let Some(pair) = pair().await else { return };
    let text = "upstream connect error or disconnect/reset before headers. retried and the latest reset \
                reason: remote connection failure";
    let seen = pair.send(get("nowhere.test", "/closed")).await.connect_failure(text);
    assert_eq!((seen.status(), seen.logged("flags")), (503, "URX,UF"));
    let longer = format!("{text}, transport failure reason: delayed connect error: Connection refused");
    let lines = [format!("+ header grpc-message: {longer}"), format!("- header grpc-message: {text}")];
    let both = pair.send(get("nowhere.test", "/closed").grpc()).await;
    let both = both.differ("The reason of a failed connection", &lines.each_ref().map(String::as_str));
    assert_eq!(both.ours.header("grpc-status"), "14");
}
