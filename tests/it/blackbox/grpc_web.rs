//! A page's calls to a tonic server, the proxy between them (RF-6).

use bytes::Bytes;
use http::HeaderMap;
use mesh_core::grpc_web::Decoder;
use mesh_tests::backend::Unheard;
use mesh_tests::config::entry;
use mesh_tests::proxy::Proxy;
use prost::Message;

use super::grpc::{Note, note, server};
use super::{GATEWAY, HOST, PROXY, client, edge};

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text";

/// A page: the address of its calls, and their host.
struct Page {
    client: reqwest::Client,
    url: String,
    host: &'static str,
    content_type: &'static str,
}

/// The response: headers, messages, and the text of the trailers' frame.
struct Got {
    headers: HeaderMap,
    notes: Vec<String>,
    trailers: String,
}

impl Page {
    fn new(url: String, host: &'static str, content_type: &'static str) -> Self {
        Self { client: client(), url, host, content_type }
    }

    async fn call(&self, method: &str, text: &str) -> Got {
        let message = note(text).encode_to_vec();
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
        if self.content_type == TEXT {
            body = base64(&body);
        }
        self.send(method, body).await
    }

    async fn send(&self, method: &str, body: Vec<u8>) -> Got {
        // In pieces, as a page's upload may come.
        let pieces: Vec<Bytes> = body.chunks(5).map(Bytes::copy_from_slice).collect();
        let pieces = futures_util::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        let request = self.client.post(format!("{}/test.Echo/{method}", self.url)).header("host", self.host);
        let request = request.header("content-type", self.content_type).header("x-grpc-web", "1");
        let answer = request.body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let headers = answer.headers().clone();
        let expected = if self.content_type == TEXT { "application/grpc-web-text+proto" } else { BINARY };
        assert_eq!(headers["content-type"], expected);
        let bytes = answer.bytes().await.unwrap();
        let bytes = if self.content_type == TEXT { Decoder::default().push(&bytes).unwrap() } else { bytes };
        let (mut rest, mut notes, mut trailers) = (&bytes[..], Vec::new(), String::new());
        while let [flag, a, b, c, d, after @ ..] = rest {
            let (frame, after) = after.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
            match flag {
                0x80 => trailers += std::str::from_utf8(frame).unwrap(),
                _ => notes.push(Note::decode(frame).unwrap().text),
            }
            rest = after;
        }
        assert!(rest.is_empty());
        Got { headers, notes, trailers }
    }
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    mesh_core::grpc_web::Encoder::default().push(bytes).to_vec()
}

/// Unary, streamed and failing calls, in both kinds.
async fn all_calls(url: &str, host: &'static str) {
    for content_type in [BINARY, TEXT] {
        let page = Page::new(url.to_owned(), host, content_type);
        let got = page.call("One", "hello").await;
        assert_eq!(got.notes, ["echo hello"]);
        assert!(got.trailers.contains("grpc-status:0\r\n"), "{}", got.trailers);

        let got = page.call("Down", "down").await;
        assert_eq!((got.notes.len(), got.notes[99].as_str()), (100, "down 99"));
        assert!(got.trailers.contains("grpc-status:0\r\n"), "{}", got.trailers);

        // The server fails before it has sent a message: trailers-only.
        let got = page.call("One", "fail").await;
        assert!(got.notes.is_empty() && got.trailers.is_empty());
        assert_eq!(got.headers["grpc-status"], "9");
        assert_eq!(got.headers["grpc-message"], "not%20now:%20%C3%BC");
    }
}

async fn counted(proxy: &Proxy) {
    proxy
        .until("/stats/prometheus", |_, text| {
            ["0", "9"].iter().all(|code| {
                text.lines().any(|line| {
                    line.starts_with("istio_requests_total{")
                        && line.contains("request_protocol=\"grpc\"")
                        && line.contains(&format!("grpc_response_status=\"{code}\""))
                })
            })
        })
        .await;
}

#[tokio::test]
async fn rf_6_pages_call_through_a_gateway() {
    let yaml = edge(server().await, "GRPC", "");
    let yaml = yaml
        .replace("{number: 80, name: http, protocol: HTTP}", "{number: 80, name: web, protocol: GRPC-WEB}");
    let proxy = Proxy::start(PROXY, &yaml, GATEWAY).await;
    all_calls(&format!("http://{}", proxy.address("gateway|80")), "any.test").await;
    counted(&proxy).await;

    let page = Page::new(format!("http://{}", proxy.address("gateway|80")), "any.test", TEXT);
    let got = page.send("One", b"AAAA*AAA".to_vec()).await;
    assert_eq!(got.headers["grpc-status"], "13");
    assert_eq!(got.headers["grpc-message"], "Bad gRPC-web request, invalid base64 data.");
    assert!(got.notes.is_empty() && got.trailers.is_empty());
}

#[tokio::test]
async fn rf_6_pages_call_through_a_sidecar_of_theirs() {
    let yaml = entry(HOST, "GRPC-WEB", 8080, &[server().await]);
    let args = "--role sidecar --no-inbound --workload web --outbound 127.0.0.1:0";
    let proxy = Proxy::start(PROXY, &yaml, args).await;
    all_calls(&format!("http://{}", proxy.address("outbound|15001")), "backend.test:8080").await;
    counted(&proxy).await;
}

#[tokio::test]
async fn rf_6_pages_call_through_the_sidecar_of_the_service() {
    let yaml = "apiVersion: v1
kind: Service
metadata: {name: report, namespace: default}
spec:
  selector: {app: report}
  ports: [{name: grpc-web, port: 5000}]
---
apiVersion: v1
kind: Pod
metadata: {name: report, namespace: default, labels: {app: report}}
spec: {containers: [{name: app, image: app}]}
";
    let app = server().await;
    let args = format!(
        "--role sidecar --workload default/Pod/report --bind 5000=127.0.0.1:0 --outbound 127.0.0.1:0 --app 5000={app}"
    );
    let proxy = Proxy::start(PROXY, yaml, &args).await;
    all_calls(&format!("http://{}", proxy.address("inbound|5000")), "report:5000").await;
}

#[tokio::test]
async fn rf_6_a_server_that_is_gone_is_a_status_to_a_page() {
    let gone = Unheard::new();
    let yaml = edge(gone.address(), "GRPC", "");
    let yaml = yaml
        .replace("{number: 80, name: http, protocol: HTTP}", "{number: 80, name: web, protocol: GRPC-WEB}");
    let proxy = Proxy::start(PROXY, &yaml, GATEWAY).await;
    for content_type in [BINARY, TEXT] {
        let page = Page::new(format!("http://{}", proxy.address("gateway|80")), "any.test", content_type);
        let got = page.call("One", "hello").await;
        assert_eq!(got.headers["grpc-status"], "14");
        assert!(got.headers["grpc-message"].to_str().unwrap().contains("connect"), "{:?}", got.headers);
        assert!(got.notes.is_empty() && got.trailers.is_empty());
    }
}
