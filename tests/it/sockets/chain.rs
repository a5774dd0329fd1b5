//! One deadline through a chain of processes: a gateway, B, and C behind it (wish 17).
//!
//! The time that passes here is real: B works for some milliseconds, and deadlines of a tenth of a second run out.

use mesh_tests::child::Server;
use mesh_tests::config::entry;
use mesh_tests::proxy::Proxy;

use super::{LOOPBACK, SERVER};
use crate::blackbox::{client, gateway};

struct Chain {
    gateway: Proxy,
    b: Server,
    c: Server,
}

/// The gateway gives each request this long.
async fn chain(timeout: &str) -> Chain {
    let c = Server::start(SERVER, LOOPBACK, Some("")).await;
    let b = Server::start(SERVER, LOOPBACK, Some(&entry("next.test", "HTTP", 80, &[c.address()]))).await;
    let gateway = gateway(b.address(), "HTTP", &format!("    timeout: {timeout}")).await;
    Chain { gateway, b, c }
}

/// The status, the end of B's call of C, and the deadlines that were announced to both.
async fn call(to: std::net::SocketAddr, headers: &[(&str, &str)]) -> (u16, String, Vec<u64>) {
    let mut request = client().get(format!("http://{to}/"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let text = |name| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let announced =
        text("x-announced").split_whitespace().map(|announced| announced.parse().unwrap()).collect();
    (answer.status().as_u16(), text("x-ended"), announced)
}

#[tokio::test]
async fn wish_17_what_is_left_shrinks_from_process_to_process() {
    let chain = chain("20s").await;
    let (status, ended, announced) = call(chain.gateway.address("gateway|80"), &[("x-work", "60")]).await;
    assert_eq!((status, ended.as_str()), (200, "200"));
    let [to_b, to_c] = announced[..] else { panic!("B and C have deadlines: {announced:?}") };
    // Ten seconds are for a slow machine.
    assert!((10_000..=20_000).contains(&to_b), "{announced:?}");
    assert!((10_000..=to_b - 60).contains(&to_c), "B has worked for 60 ms: {announced:?}");
}

#[tokio::test]
async fn wish_17_the_first_deadline_ends_the_whole_chain() {
    let mut chain = chain("150ms").await;
    let headers = [("x-work", "1"), ("x-next-hold", "it")];
    let (status, ..) = call(chain.gateway.address("gateway|80"), &headers).await;
    assert_eq!(status, 504);
    for line in ["held it", "left it"] {
        assert_eq!(chain.c.next_line().await.unwrap(), line);
    }
}

#[tokio::test]
async fn wish_17_who_is_in_the_middle_gives_up_by_itself_and_calls_nobody_in_vain() {
    let mut chain = chain("20s").await;
    // A caller that announces its deadline, and waits longer.
    let announced = ("x-envoy-expected-rq-timeout-ms", "150");
    for (work, name) in [("1", "one"), ("200", "never"), ("1", "two")] {
        let (status, ended, _) =
            call(chain.b.address(), &[announced, ("x-work", work), ("x-next-hold", name)]).await;
        assert_eq!((status, ended.as_str()), (200, "504 UT response_timeout"), "{name}");
    }
    for line in ["held one", "left one", "held two", "left two"] {
        assert_eq!(chain.c.next_line().await.unwrap(), line, "no call comes without time left");
    }
}
