//! The size limits of heads and trailers, in either direction.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use mesh_tests::proxy::Proxy;
use mesh_tests::raw::exchange;
use tokio::net::{TcpListener, TcpStream};

use super::super::{GATEWAY, PROXY, edge};

/// Fields of this many KiB in all, names included.
fn fields(kib: usize) -> HeaderMap {
    let mut map = HeaderMap::new();
    for index in 0..kib {
        let name = format!("x-{index:03}");
        let value = HeaderValue::try_from("v".repeat(1024 - name.len())).unwrap();
        map.insert(HeaderName::try_from(name).unwrap(), value);
    }
    map
}

/// The size of such fields in KiB.
fn kib(map: &HeaderMap) -> usize {
    let ours = map.iter().filter(|(name, _)| name.as_str().len() == 5 && name.as_str().starts_with("x-"));
    ours.map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() / 1024
}

/// An HTTP/2 server without limits of its own. `/head/N`, `/status/N` and `/trailers/N` answer with fields of N KiB:
/// in the head, in a gRPC answer of headers only, and in trailers. Other requests are answered with the size that
/// arrived.
struct Endpoint {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(answer(request, respond));
                    }
                });
            }
        });
        Self { address, connections }
    }
}

async fn answer(request: Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let (head, mut body) = request.into_parts();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
    }
    let Ok(trailers) = body.trailers().await else { return };
    let mut parts = head.uri.path().split('/').skip(1);
    let (what, size) = (parts.next().unwrap(), parts.next().and_then(|size| size.parse().ok()));
    let large = fields(size.unwrap_or_default());
    let mut response = Response::new(());
    // Errors are ignored: the caller has left then.
    match what {
        "head" => {
            *response.headers_mut() = large;
            let _ = respond.send_response(response, true);
        }
        "status" => {
            *response.headers_mut() = large;
            response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
            response.headers_mut().insert("grpc-status", HeaderValue::from_static("7"));
            let _ = respond.send_response(response, true);
        }
        "trailers" => {
            let Ok(mut stream) = respond.send_response(response, false) else { return };
            let _ = stream.send_data(Bytes::from_static(b"body"), false);
            let mut trailers = large;
            trailers.insert("grpc-status", HeaderValue::from_static("7"));
            let _ = stream.send_trailers(trailers);
        }
        _ => {
            response.headers_mut().insert("head-came", kib(&head.headers).into());
            let came = trailers.as_ref().map_or(0, kib);
            response.headers_mut().insert("trailers-came", came.into());
            let _ = respond.send_response(response, true);
        }
    }
}

/// The response: head, body, and the trailers or the reason why there are none.
type Came = (Response<()>, Bytes, Result<HeaderMap, h2::Error>);

struct World {
    proxy: Proxy,
    endpoint: Endpoint,
    sender: h2::client::SendRequest<Bytes>,
}

impl World {
    async fn start(args: &str) -> Self {
        let endpoint = Endpoint::start().await;
        let yaml = edge(endpoint.address, "HTTP2", "");
        let proxy = Proxy::start(PROXY, &yaml, &format!("{GATEWAY}{args}")).await;
        let stream = TcpStream::connect(proxy.address("gateway|80")).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self { proxy, endpoint, sender }
    }

    /// Sends a request with such a head and such trailers; returns the response.
    async fn send(
        &self,
        path: &str,
        head: HeaderMap,
        trailers: Option<HeaderMap>,
    ) -> Result<Came, h2::Error> {
        let mut request = Request::post(format!("http://edge.test{path}")).body(()).unwrap();
        *request.headers_mut() = head;
        let mut sender = self.sender.clone().ready().await?;
        let (response, mut upload) = sender.send_request(request, trailers.is_none())?;
        if let Some(trailers) = trailers {
            upload.send_data(Bytes::from_static(b"body"), false)?;
            upload.send_trailers(trailers)?;
        }
        let (head, mut body) = response.await?.into_parts();
        let mut read = Vec::new();
        while let Some(data) = body.data().await {
            read.extend_from_slice(&data?);
        }
        let trailers = body.trailers().await.map(Option::unwrap_or_default);
        Ok((Response::from_parts(head, ()), read.into(), trailers))
    }

    async fn get(&self, path: &str) -> Result<Came, h2::Error> {
        self.send(path, HeaderMap::new(), None).await
    }

    async fn grpc(&self, path: &str) -> Result<Came, h2::Error> {
        let grpc = HeaderValue::from_static("application/grpc");
        self.send(path, HeaderMap::from_iter([(http::header::CONTENT_TYPE, grpc)]), None).await
    }
}

#[tokio::test]
async fn fields_of_an_http2_endpoint_arrive_up_to_the_limit() {
    let world = World::start("").await;
    for size in [1, 20, 59] {
        let (head, ..) = world.get(&format!("/head/{size}")).await.unwrap();
        assert_eq!((head.status().as_u16(), kib(head.headers())), (200, size));
        let (head, ..) = world.grpc(&format!("/status/{size}")).await.unwrap();
        assert_eq!(head.headers()["grpc-status"], "7", "the endpoint's own status");
        assert_eq!(kib(head.headers()), size);
        let (_, body, trailers) = world.get(&format!("/trailers/{size}")).await.unwrap();
        let trailers = trailers.unwrap();
        assert_eq!((&*body, kib(&trailers)), (&b"body"[..], size));
        assert_eq!(trailers["grpc-status"], "7");
    }
    assert_eq!(world.endpoint.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn fields_of_an_http2_endpoint_over_the_limit_are_an_error_and_never_cut() {
    let world = World::start("").await;
    for size in [61, 100, 400] {
        let (head, ..) = world.get(&format!("/head/{size}")).await.unwrap();
        assert_eq!((head.status().as_u16(), kib(head.headers())), (502, 0), "{size} KiB");
        let (head, ..) = world.grpc(&format!("/status/{size}")).await.unwrap();
        assert_eq!((&head.headers()["grpc-status"], kib(head.headers())), (&"14".parse().unwrap(), 0));
        let cut = match world.get(&format!("/trailers/{size}")).await {
            Err(error) => error,
            Ok((_, _, trailers)) => trailers.expect_err("the trailers are not passed on in part"),
        };
        assert!(cut.is_reset() && cut.is_remote(), "{size} KiB: {cut:?}");
    }
    let (head, ..) = world.get("/head/1").await.unwrap();
    assert_eq!(head.status(), 200, "only streams were reset towards the caller");
    let metric = "envoy_http2_header_overflow";
    world.proxy.until("/stats/prometheus", |_, text| text.contains(metric)).await;
}

#[tokio::test]
async fn fields_of_an_http2_caller_arrive_up_to_the_limit() {
    let world = World::start("").await;
    for size in [1, 20, 58] {
        let (head, ..) = world.send("/", fields(size), Some(fields(size))).await.unwrap();
        let came = (&head.headers()["head-came"], &head.headers()["trailers-came"]);
        assert_eq!(came, (&HeaderValue::from(size), &HeaderValue::from(size)));
    }
}

#[tokio::test]
async fn fields_of_an_http2_caller_over_the_limit_reset_the_stream_or_are_431() {
    let world = World::start("").await;
    for size in [61, 100] {
        let (head, ..) = world.send("/", fields(size), None).await.unwrap();
        assert_eq!(head.status(), 431, "{size} KiB");
        let error = world.send("/", HeaderMap::new(), Some(fields(size))).await.expect_err("no answer");
        assert!(error.is_reset() && error.is_remote(), "{size} KiB: {error:?}");
    }
    let (head, ..) = world.get("/head/1").await.unwrap();
    assert_eq!(head.status(), 200, "only streams were reset");
}

#[tokio::test]
async fn the_limit_of_fields_can_be_set() {
    let world = World::start(" --max-headers-kb 96").await;
    let (head, ..) = world.get("/head/90").await.unwrap();
    assert_eq!((head.status().as_u16(), kib(head.headers())), (200, 90));
    let (head, ..) = world.get("/head/97").await.unwrap();
    assert_eq!(head.status(), 502);
    let (head, ..) = world.send("/", fields(90), Some(fields(90))).await.unwrap();
    assert_eq!((&head.headers()["head-came"], &head.headers()["trailers-came"]), (&90.into(), &90.into()));
}

#[tokio::test]
async fn trailers_over_the_limit_end_the_connection_of_an_http1_caller_before_the_body_ends() {
    let world = World::start("").await;
    let address = world.proxy.address("gateway|80");
    for (size, whole) in [(1, true), (59, true), (61, false), (100, false), (400, false)] {
        // Only a whole request needs `connection: close`.
        let close = if whole { "connection: close\r\n" } else { "" };
        let request = format!("GET /trailers/{size} HTTP/1.1\r\nhost: x\r\nte: trailers\r\n{close}\r\n");
        let answer = exchange(address, &request).await;
        assert_eq!(answer.ends_with("0\r\n\r\n"), whole, "{size} KiB: {answer:?}");
        if whole || !answer.is_empty() {
            assert!(answer.starts_with("HTTP/1.1 200 "), "{size} KiB: {answer:?}");
            assert!(answer.contains("transfer-encoding: chunked\r\n"), "{size} KiB: {answer:?}");
        }
        assert!(!answer.contains("grpc-status"), "{size} KiB: none is announced, and none sent in part");
    }
}

#[tokio::test]
async fn trailers_of_an_http1_caller_arrive_whole_or_fail() {
    let world = World::start("").await;
    let address = world.proxy.address("gateway|80");
    for size in [1, 20, 58, 61, 100, 400] {
        let mut request = String::from(
            "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n",
        );
        for (name, value) in &fields(size) {
            write!(request, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
        }
        request.push_str("\r\n");
        let answer = exchange(address, &request).await;
        if size < 60 {
            assert!(answer.starts_with("HTTP/1.1 200 "), "{size} KiB: {answer:?}");
            assert!(answer.contains(&format!("\r\ntrailers-came: {size}\r\n")), "{answer}");
        } else {
            assert!(!answer.contains("trailers-came"), "{size} KiB: {answer:?}");
            assert!(!answer.starts_with("HTTP/1.1 200 "), "{size} KiB: {answer:?}");
        }
    }
}
