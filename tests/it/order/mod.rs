//! The order of the layers of a stack: for outgoing calls (FO-2), and for incoming requests, at gateways and at
//! services (FO-1).

mod gateway;
mod inbound;
mod outbound;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use mesh_tests::proxy::{DEADLINE, Proxy};
use mesh_tower::Body;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::blackbox::send;

const ORIGIN: &str = "https://shop.test";
const GRPC_WEB: &str = "application/grpc-web+proto";
/// The normalising layer refuses it.
const FOREIGN: Headers = &[("connection", "upgrade"), ("upgrade", "quic")];
const PREFLIGHT: Headers = &[("origin", ORIGIN), ("access-control-request-method", "PUT")];
const PAGE: Headers = &[("content-type", GRPC_WEB), ("origin", ORIGIN)];

/// The id of a request, and its outcome.
const LOG: &str =
    "%REQ(X-REQUEST-ID)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %GRPC_STATUS_NUMBER%";

type Headers = &'static [(&'static str, &'static str)];

/// An incoming request: its fields, and its log line after the id.
#[derive(Debug)]
struct Row {
    method: Method,
    path: &'static str,
    headers: Headers,
    log: &'static str,
}

impl Row {
    const fn new(method: Method, path: &'static str, headers: Headers, log: &'static str) -> Self {
        Self { method, path, headers, log }
    }

    fn status(&self) -> &'static str {
        self.log.split(' ').next().unwrap()
    }

    fn flags(&self) -> &'static str {
        self.log.split(' ').nth(1).unwrap()
    }

    /// The request; in process its target names the host too.
    fn request(&self, before: &str) -> Request<Body> {
        let request = Request::builder().method(self.method.clone()).uri(format!("{before}{}", self.path));
        let request =
            self.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.header("host", "any.test").body(Body::empty()).unwrap()
    }

    /// Sends it through a proxy with this log; returns the line and the body.
    async fn through(&self, proxy: SocketAddr, log: &mut UnboundedReceiver<String>) -> (String, Bytes) {
        let exchange = async {
            let (head, body) = send(proxy, self.request("")).await;
            let line = log.recv().await.expect("it is logged");
            self.check(head.status.as_u16(), &head.headers, &line);
            (line, body)
        };
        timeout(DEADLINE, exchange).await.expect("an answer in time")
    }

    /// The answer is that of the layer that acts first. Its line has the id of the request, except for requests that
    /// are refused before normalisation.
    fn check(&self, status: u16, headers: &HeaderMap, line: &str) {
        let (id, log) = line.split_once(' ').unwrap();
        assert_eq!((log, status.to_string().as_str()), (self.log, self.status()), "{self:?}");
        assert_eq!(id == "-", self.headers == FOREIGN, "{self:?}: {line}");
        let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
        // CORS is within faults: a page cannot read the answer of a fault.
        let shared = self.headers == PREFLIGHT && self.flags() != "FI";
        assert_eq!(text("access-control-allow-origin"), if shared { ORIGIN } else { "" }, "{self:?}");
        if self.headers == PAGE {
            // grpc-web is outside faults: the page can read the fault's answer.
            let number = self.log.rsplit(' ').next().unwrap();
            assert_eq!((text("content-type"), text("grpc-status")), (GRPC_WEB, number), "{self:?}");
        }
    }
}

/// All requests are counted, whichever layer answered.
fn are_counted(rows: &[Row], count: impl Fn(&str, &str) -> u64) -> bool {
    let mut expected: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in rows {
        *expected.entry(("response_code", row.status())).or_default() += 1;
        *expected.entry(("response_flags", row.flags())).or_default() += 1;
    }
    expected.into_iter().all(|((label, value), expected)| count(label, value) == expected)
}

/// Waits until the proxy shows the counts.
async fn are_counted_by(proxy: &Proxy, rows: &[Row]) {
    let count = |text: &str, label: &str, value: &str| {
        let label = format!("{label}=\"{value}\"");
        let lines =
            text.lines().filter(|line| line.starts_with("istio_requests_total{") && line.contains(&label));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    proxy
        .until("/stats/prometheus", |_, text| are_counted(rows, |label, value| count(text, label, value)))
        .await;
}
