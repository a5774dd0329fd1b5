//! A gateway (GW, OP-3).

use crate::support::{World, bind, echo_heads, exchange, gateway_to, get, settings};
use mesh_proxy::{Proxy, Shutdown};

#[tokio::test]
async fn a_get_goes_through_and_back() {
    let world = World::gateway(&gateway_to(echo_heads().await)).await;
    let answer = get(world.address("gateway|80"), "/a?b=c").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("server: mesh-proxy"), "{answer}");
    assert!(answer.contains("GET /a?b=c HTTP/1.1\r\n"), "{answer}");
    assert!(answer.contains("x-forwarded-for: 127.0.0.1"), "{answer}");
    assert!(answer.contains("host: shop.test"), "{answer}");
    world.stop().await.unwrap();
}

/// ME-5: the buckets of a histogram.
#[tokio::test]
async fn op_3_the_admin_pages_show_what_is() {
    let world = World::gateway(&gateway_to(echo_heads().await)).await;
    let gateway = world.address("gateway|80");
    get(gateway, "/").await;
    assert!(world.admin("/ready").await.starts_with("HTTP/1.1 200"));
    assert!(world.admin("/listeners").await.contains(&format!("gateway|80::{gateway}")));
    assert!(world.admin("/clusters").await.contains("outbound|8080||backend.test::"));
    let dump = world.admin("/config_dump").await;
    assert!(dump.contains("\"generation\": 1") && dump.contains("mesh.yaml:"), "{dump}");
    assert!(world.admin("/server_info").await.contains("\"role\": \"gateway\""));
    let metrics = world.until("/stats/prometheus", "istio_requests_total{").await;
    // Half a millisecond to an hour, and what is longer.
    for bound in ["0.5", "1000", "3600000", "+Inf"] {
        let bucket = |line: &str| {
            line.starts_with("istio_request_duration_milliseconds_bucket{")
                && line.contains(&format!("le=\"{bound}\""))
        };
        assert!(metrics.lines().any(bucket), "{bound}: {metrics}");
    }
    assert!(world.admin("/nowhere").await.starts_with("HTTP/1.1 404"));
    assert!(world.admin("/quitquitquit").await.starts_with("HTTP/1.1 405"), "GET never changes state");
    let quit = "POST /quitquitquit HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert!(exchange(world.address("admin"), quit).await.starts_with("HTTP/1.1 200"));
    world.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn gw_12_a_head_over_60_kib_is_refused() {
    let world = World::gateway(&gateway_to(echo_heads().await)).await;
    let long = "x".repeat(70_000);
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {long}\r\nconnection: close\r\n\r\n");
    let answer = exchange(world.address("gateway|80"), &request).await;
    let status = answer.lines().next().unwrap();
    assert!(status.starts_with("HTTP/1.1 431 "), "{status}");
}

#[tokio::test]
async fn gw_10_without_a_route_it_is_404_and_grpc_gets_a_status() {
    let yaml =
        gateway_to(echo_heads().await).replace("  hosts: ['*']\n  gateways", "  hosts: [a.test]\n  gateways");
    let world = World::gateway(&yaml).await;
    let gateway = world.address("gateway|80");
    let answer = get(gateway, "/").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(answer.contains("x-mesh-reason: route_not_found"), "{answer}");
    let grpc = "POST /a.B/C HTTP/1.1\r\nhost: b.test\r\ncontent-type: application/grpc\r\n\
                content-length: 0\r\nconnection: close\r\n\r\n";
    let answer = exchange(gateway, grpc).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("grpc-status: 12"), "{answer}");
}

#[tokio::test]
async fn op_5_a_reload_opens_and_closes_listeners_and_keeps_the_rest() {
    let backend = echo_heads().await;
    let (folder, settings) = settings(&gateway_to(backend));
    let settings = settings.bind(bind("80=127.0.0.1:0")).bind(bind("81=127.0.0.1:0"));
    let world = World::start(folder, settings).await;
    let first = world.address("gateway|80");
    let file = world.folder.path().join("more.yaml");
    let more = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: more}\nspec:\n  servers:\n  \
                - port: {number: 81, name: http, protocol: HTTP}\n    hosts: ['*']\n";
    std::fs::write(&file, more).unwrap();
    world.mesh.reload();
    let page = world.until("/listeners", "gateway|81::").await;
    assert!(page.contains(&format!("gateway|80::{first}")), "{page}");
    let second = page.lines().find_map(|line| line.strip_prefix("gateway|81::")).unwrap().parse().unwrap();
    assert!(get(second, "/").await.starts_with("HTTP/1.1 404 "));
    std::fs::remove_file(&file).unwrap();
    world.mesh.reload();
    world.until("/config_dump", "\"generation\": 3").await;
    assert!(get(first, "/").await.starts_with("HTTP/1.1 200 "));
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let backend = echo_heads().await;
    let (_folder, settings) = settings(&gateway_to(backend));
    let settings = settings.bind(bind(&format!("80={backend}")));
    let error = Proxy::start(settings, &Shutdown::default()).await.unwrap_err().to_string();
    assert!(error.contains(&backend.to_string()) && error.contains("in use"), "{error}");
    assert!(error.contains("mesh.yaml:") && error.contains("--bind 80="), "{error}");
}

/// MC-3, HD-5, H-7: what `defaultConfig` says of a gateway's callers.
#[tokio::test]
async fn mc_3_the_proxies_in_front_are_believed_and_http_1_0_is_served() {
    let backend = echo_heads().await;
    let config = "---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultConfig:
      gatewayTopology: {numTrustedProxies: 1}
      proxyMetadata: {ISTIO_META_HTTP10: '1'}
";
    let plain = World::gateway(&gateway_to(backend)).await;
    let configured = World::gateway(&format!("{}{config}", gateway_to(backend))).await;
    let ask = "GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 203.0.113.9\r\nconnection: close\r\n\r\n";
    let old = "GET / HTTP/1.0\r\nhost: a\r\n\r\n";
    for (world, client, status) in [(&plain, "127.0.0.1", "426"), (&configured, "203.0.113.9", "200")] {
        let gateway = world.address("gateway|80");
        let answer = exchange(gateway, ask).await;
        let external = format!("x-envoy-external-address: {client}\r\n");
        assert!(answer.contains(&external), "{answer}");
        let answer = exchange(gateway, old).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
    plain.stop().await.unwrap();
    configured.stop().await.unwrap();
}

/// OP-2: what probes and Prometheus need, and nothing that an operator would not show.
#[tokio::test]
async fn op_2_the_status_endpoint_shows_readiness_and_metrics_only() {
    let (folder, settings) = settings(&gateway_to(echo_heads().await));
    let settings = settings.bind(bind("80=127.0.0.1:0")).status("127.0.0.1:0".parse().ok());
    let world = World::start(folder, settings).await;
    get(world.address("gateway|80"), "/").await;
    let status = world.address("status");
    assert!(get(status, "/healthz/ready").await.starts_with("HTTP/1.1 200 "));
    assert!(get(status, "/stats/prometheus").await.contains("istio_requests_total"));
    for path in ["/", "/config_dump", "/clusters", "/stats", "/quitquitquit"] {
        assert!(get(status, path).await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    let quit = "POST /quitquitquit HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert!(exchange(status, quit).await.starts_with("HTTP/1.1 404 "));
    world.stop().await.unwrap();
}

/// HD-4: what `proxyHeaders` says of `server` and `x-request-id`, in answers of endpoints and of our own.
#[tokio::test]
async fn hd_4_the_server_header_is_the_configured_one_and_ids_may_be_left_out() {
    let backend = echo_heads().await;
    let config = |headers: &str| {
        format!(
            "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata:\n  \
             mesh: |\n    defaultConfig: {{proxyHeaders: {headers}}}\n",
            gateway_to(backend).replace("  hosts: ['*']\n  gateways", "  hosts: [shop.test]\n  gateways")
        )
    };
    let lost = "GET / HTTP/1.1\r\nhost: nobody.test\r\nconnection: close\r\n\r\n";
    for (headers, server, id) in [
        ("{server: {value: edge}, requestId: {disabled: true}}", Some("server: edge\r\n"), false),
        ("{server: {disabled: true}}", None, true),
        ("{}", Some("server: mesh-proxy\r\n"), true),
    ] {
        let world = World::gateway(&config(headers)).await;
        let gateway = world.address("gateway|80");
        let (answer, local) = (get(gateway, "/").await, exchange(gateway, lost).await);
        assert!(answer.starts_with("HTTP/1.1 200 ") && local.starts_with("HTTP/1.1 404 "), "{local}");
        for answer in [&answer, &local] {
            assert_eq!(answer.contains("server: "), server.is_some(), "{answer}");
            assert!(server.is_none_or(|server| answer.contains(server)), "{answer}");
        }
        assert_eq!(answer.contains("x-request-id: "), id, "{answer}");
        world.stop().await.unwrap();
    }
}
