//! `tcpKeepalive`, as the kernel shows it: the timer of the connection to an endpoint (CB-2, MC-2).

use std::net::SocketAddr;
use std::time::Duration;

use mesh_tests::backend::Backend;
use mesh_tests::config::{destination_rule, entry, mesh_config};
use mesh_tests::proxy::DEADLINE;
use tokio::time::timeout;

use super::mesh;

/// The number of clock ticks in a second of `/proc`, on every architecture.
const TICKS: u64 = 100;
/// States and timers in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";
const NO_TIMER: &str = "00";
const KEEPALIVE: &str = "02";

/// The time until the first probe of the only connection to `peer`; `None` if it has no keepalive.
async fn due(peer: SocketAddr) -> Option<Duration> {
    let SocketAddr::V4(peer) = peer else { panic!("the loopback is IPv4") };
    let remote = format!("{:08X}:{:04X}", u32::from_le_bytes(peer.ip().octets()), peer.port());
    let found = async {
        let mut turn = tokio::time::interval(Duration::from_millis(1));
        loop {
            turn.tick().await;
            let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
            let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            let mut to_peer = rows.filter(|row| row[2] == remote && row[3] == ESTABLISHED);
            let row = to_peer.next().expect("it is connected");
            assert!(to_peer.next().is_none(), "one connection");
            // Unacknowledged data takes the place of the keepalive timer.
            match row[5].split_once(':').unwrap() {
                (NO_TIMER, _) => return None,
                (KEEPALIVE, ticks) => {
                    let ticks = u64::from_str_radix(ticks, 16).unwrap();
                    return Some(Duration::from_millis(ticks * 1000 / TICKS));
                }
                _ => {}
            }
        }
    };
    timeout(DEADLINE, found).await.expect("the request is acknowledged")
}

#[tokio::test]
async fn cb_2_a_connection_to_an_endpoint_is_kept_alive_as_its_rule_or_the_mesh_config_says() {
    let tcp = |fields: &str| format!("  trafficPolicy: {{connectionPool: {{tcp: {{{fields}}}}}}}");
    let meshwide = mesh_config("tcpKeepalive: {time: 900s, interval: 75s, probes: 9}");
    for (config, rule, expected) in [
        ("", "", None),
        ("", "maxConnections: 7", None),
        ("", "tcpKeepalive: {time: 300s, interval: 10s, probes: 3}", Some(300)),
        (&*meshwide, "", Some(900)),
        // A rule with other fields keeps the mesh's setting; a rule with this field replaces it.
        (&*meshwide, "maxConnections: 7", Some(900)),
        (&*meshwide, "tcpKeepalive: {time: 300s}", Some(300)),
    ] {
        for protocol in ["HTTP", "HTTP2"] {
            let backend = Backend::text("fine").await;
            let mut yaml = config.to_owned() + &entry(super::HOST, protocol, 80, &[backend.address()]);
            if !rule.is_empty() {
                yaml += &destination_rule(super::HOST, &tcp(rule));
            }
            let mesh = mesh(&yaml).await;
            let answer = mesh.client().get(&format!("http://{}/", super::HOST)).await.unwrap();
            assert_eq!(answer.status(), 200);
            let due = due(backend.address()).await;
            let context = format!("{protocol} {config}{rule}: {due:?}");
            assert_eq!(due.is_some(), expected.is_some(), "{context}");
            if let (Some(due), Some(expected)) = (due, expected) {
                // The timer runs since the connection opened: a slow machine may take a minute.
                let range = Duration::from_secs(expected - 60)..=Duration::from_secs(expected);
                assert!(range.contains(&due), "{context}");
            }
        }
    }
}
