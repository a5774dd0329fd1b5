//! Rewrites and header operations as the endpoint and the caller see them (VA-4 to VA-9).

use http::Request;
use mesh_tests::config::{mesh_config, service, virtual_service};
use mesh_tower::Body;
use mesh_tower::test::{MeshTest, TestMesh, Upstream};

async fn world(http: &str) -> (TestMesh, Upstream) {
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", http);
    let test = MeshTest::new(&yaml).start().await;
    let api = test.upstream("10.0.0.1:80");
    (test, api)
}

#[tokio::test(start_paused = true)]
async fn va_4_va_5_header_operations_of_rule_and_destination() {
    let (test, api) = world(
        "  - headers:
      request: {set: {x-set: rule}, add: {x-add: rule}, remove: [x-gone]}
      response: {set: {x-answer: rule}, add: {x-more: rule}, remove: [x-secret]}
    route:
    - destination: {host: api}
      headers:
        request: {set: {x-set: destination}, add: {x-add: destination}}
        response: {add: {x-more: destination}}",
    )
    .await;
    api.handle(|_| async {
        http::Response::builder()
            .header("x-secret", "1")
            .header("x-answer", "app")
            .body(Body::empty())
            .unwrap()
    });
    let request = Request::get("http://api/")
        .header("x-gone", "1")
        .header("x-set", "caller")
        .header("x-add", "caller")
        .body(Body::empty())
        .unwrap();
    let answer = test.send(request).await;
    let arrival = &api.arrivals()[0];
    let values = |name: &str| -> Vec<String> {
        arrival.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(values("x-set"), ["destination"]);
    assert_eq!(values("x-add"), ["caller", "rule", "destination"]);
    assert!(values("x-gone").is_empty());
    assert_eq!(answer.header("x-answer"), "rule");
    assert!(answer.header("x-secret").is_empty());
    let more: Vec<_> = answer.head.headers.get_all("x-more").iter().collect();
    assert_eq!(more.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn va_7_paths_and_authority_are_rewritten_and_the_query_kept() {
    let (test, api) = world(
        "  - match: [{uri: {prefix: /old/}}]
    rewrite: {uri: /new/, authority: inner.example.com}
    route: [{destination: {host: api}}]
  - match: [{uri: {exact: /exact}}]
    rewrite: {uri: /whole}
    route: [{destination: {host: api}}]
  - match: [{uri: {prefix: /regex}}]
    rewrite: {uriRegexRewrite: {match: '^/regex/([a-z]+)/([0-9]+)$', rewrite: '/\\2/\\1'}}
    route: [{destination: {host: api}}]
  - route: [{destination: {host: api}}]",
    )
    .await;
    for (path, seen, authority) in [
        ("/old/thing?q=1", "/new/thing?q=1", "inner.example.com"),
        ("/exact?q=1", "/whole?q=1", "api"),
        ("/regex/abc/12", "/12/abc", "api"),
        ("/other", "/other", "api"),
    ] {
        api.forget_arrivals();
        assert_eq!(test.get(&format!("http://api{path}")).await.status(), 200);
        let arrival = &api.arrivals()[0];
        assert_eq!((arrival.path(), arrival.authority()), (seen, authority), "{path}");
        let original = if path == seen { "" } else { path };
        assert_eq!(arrival.header("x-envoy-original-path"), original, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn va_8_redirects_reach_nobody() {
    let (test, api) = world(
        "  - match: [{uri: {prefix: /a}}]
    redirect: {authority: other.example.com, scheme: https, redirectCode: 308}
  - match: [{uri: {prefix: /b}}]
    redirect: {uri: /c}
  - match: [{uri: {prefix: /p}}]
    redirect: {port: 8080}",
    )
    .await;
    for (path, status, location) in [
        ("/a/x?y=1", 308, "https://other.example.com/a/x?y=1"),
        ("/b?y=1", 301, "http://api/c?y=1"),
        ("/p", 301, "http://api:8080/p"),
    ] {
        let answer = test.get(&format!("http://api{path}")).await;
        assert_eq!((answer.status().as_u16(), answer.header("location")), (status, location));
    }
    assert_eq!(api.arrival_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn va_9_direct_responses_reach_nobody() {
    let (test, api) = world(
        "  - match: [{uri: {exact: /robots.txt}}]
    directResponse: {status: 202, body: {string: 'no robots'}}
    headers: {response: {set: {x-from: mesh}}}
  - route: [{destination: {host: api}}]",
    )
    .await;
    let answer = test.get("http://api/robots.txt").await;
    assert_eq!((answer.status().as_u16(), answer.text().as_str()), (202, "no robots"));
    assert_eq!((answer.header("content-type"), answer.header("x-from")), ("text/plain", "mesh"));
    assert_eq!(api.arrival_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn hd_7_hop_by_hop_headers_end_here_and_hd_1_a_request_id_is_made() {
    let (test, api) = world("  - route: [{destination: {host: api}}]").await;
    let request = Request::get("http://api/")
        .header("connection", "x-hop, keep-alive")
        .header("x-hop", "1")
        .header("keep-alive", "timeout=5")
        .header("proxy-authorization", "secret")
        .header("x_underscored", "kept")
        .body(Body::empty())
        .unwrap();
    assert_eq!(test.send(request).await.status(), 200);
    let arrival = &api.arrivals()[0];
    for name in ["x-hop", "keep-alive", "proxy-authorization"] {
        assert!(arrival.header(name).is_empty(), "{name}");
    }
    assert_eq!(arrival.header("x_underscored"), "kept");
    assert_eq!(arrival.header("x-request-id").len(), 36);
    assert_eq!(arrival.header("x-forwarded-proto"), "http");
}

/// The mesh config's settings of the headers that a proxy sets hold in process too.
#[tokio::test(start_paused = true)]
async fn hd_4_no_request_id_is_made_in_process_where_the_mesh_config_says_so() {
    for (disabled, length) in [(true, 0), (false, 36)] {
        let config = format!("defaultConfig: {{proxyHeaders: {{requestId: {{disabled: {disabled}}}}}}}");
        let yaml = mesh_config(&config) + &service("api", "http", 80, &["10.0.0.1"]);
        let test = MeshTest::new(&yaml).start().await;
        let api = test.upstream("10.0.0.1:80");
        assert_eq!(test.get("http://api/").await.status(), 200);
        assert_eq!(api.arrivals()[0].header("x-request-id").len(), length);
    }
}

/// VA-4: no rule changes the length of a message.
#[tokio::test(start_paused = true)]
async fn va_4_no_rule_changes_where_a_message_ends() {
    let wrong = "{set: {content-length: '3', connection: close}, add: {transfer-encoding: chunked, keep-alive: x}, \
                 remove: [upgrade]}";
    let (test, api) = world(&format!(
        "  - match: [{{uri: {{prefix: /own}}}}]
    headers: {{response: {wrong}}}
    directResponse: {{status: 200, body: {{string: own answer}}}}
  - match: [{{uri: {{prefix: /abort}}}}]
    headers: {{response: {wrong}}}
    fault: {{abort: {{percentage: {{value: 100}}, httpStatus: 503}}}}
    route: [{{destination: {{host: api}}}}]
  - headers: {{request: {wrong}, response: {wrong}}}
    route: [{{destination: {{host: api}}}}]"
    ))
    .await;
    api.handle(|request| async {
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap();
        http::Response::new(Body::from(body.to_bytes()))
    });
    for (path, code, text) in
        [("/", 200, "hello there"), ("/own", 200, "own answer"), ("/abort", 503, "fault filter abort")]
    {
        let request = Request::post(format!("http://api{path}")).body(Body::from("hello there")).unwrap();
        let answer = test.send(request).await;
        assert_eq!((answer.status().as_u16(), &*answer.text()), (code, text), "{path}");
        for name in ["connection", "keep-alive", "transfer-encoding"] {
            assert!(answer.header(name).is_empty(), "{path} {name}");
        }
    }
    let arrival = &api.arrivals()[0];
    assert_eq!(arrival.headers["content-length"], "11");
    assert!(!arrival.headers.contains_key("connection"));
}
