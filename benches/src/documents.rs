//! A configuration of many services in files, and the changes that `config-bench` makes to a service.
//!
//! The documents of one service:
//!
//! ```text
//! ServiceEntry      two endpoints, labelled v1 and v2
//! DestinationRule   two subsets
//! VirtualService    canary:   a header      -> v2
//!                   checkout: a prefix      -> v1 90 %, v2 10 %
//!                   main:     the rest      -> v1 100 %, v2 0 %
//! ```

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

/// Response header that the last route sets.
pub const REVISION: &str = "x-revision";

/// The port of the gateway and of every service.
pub const PORT: u16 = 80;

/// Services in one file.
pub const PER_FILE: usize = 50;

/// The port of endpoints that no request reaches.
const UNUSED_PORT: u16 = 8080;

/// A change to a service. The next answer to `GET /` shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// The last route sets another value in the response.
    Header,
    /// The first route matches every request: `v2` answers.
    Match,
    /// The weights of the last route are swapped: `v2` answers.
    Weights,
}

impl Change {
    /// The change that a run makes at this place, all kinds in turn.
    #[must_use]
    pub const fn nth(index: usize) -> Self {
        match index % 3 {
            0 => Self::Header,
            1 => Self::Match,
            _ => Self::Weights,
        }
    }

    /// The name in the figures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Match => "match",
            Self::Weights => "weights",
        }
    }

    /// The version and the revision that answers show under a service's state.
    #[must_use]
    pub const fn shown(change: Option<Self>) -> (&'static str, &'static str) {
        match change {
            None => ("v1", "1"),
            Some(Self::Header) => ("v1", "2"),
            // The revision is another route's.
            Some(Self::Match) => ("v2", ""),
            Some(Self::Weights) => ("v2", "1"),
        }
    }
}

/// One service.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its place among all.
    pub index: u32,
    /// Of `v1` and `v2`.
    pub endpoints: [SocketAddr; 2],
    /// The change, if there is one.
    pub change: Option<Change>,
}

impl Service {
    /// The host that is asked.
    #[must_use]
    pub fn host(&self) -> String {
        format!("service-{:05}.bench.internal", self.index)
    }

    fn write(&self, text: &mut String) {
        let (name, host) = (format!("service-{:05}", self.index), self.host());
        let [first, second] = self.endpoints;
        let canary = match self.change {
            Some(Change::Match) => "uri: { prefix: / }",
            _ => "headers: { x-canary: { exact: 'yes' } }",
        };
        let revision = if self.change == Some(Change::Header) { 2 } else { 1 };
        let [v1, v2] = if self.change == Some(Change::Weights) { [0, 100] } else { [100, 0] };
        write!(
            text,
            "---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: {name}
  namespace: bench
spec:
  hosts:
  - {host}
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
  - number: {PORT}
    name: http
    protocol: HTTP
  endpoints:
  - address: {}
    ports: {{ http: {} }}
    labels: {{ version: v1 }}
  - address: {}
    ports: {{ http: {} }}
    labels: {{ version: v2 }}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {name}
  namespace: bench
spec:
  host: {host}
  subsets:
  - name: v1
    labels: {{ version: v1 }}
  - name: v2
    labels: {{ version: v2 }}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: {name}
  namespace: bench
spec:
  hosts:
  - {host}
  gateways:
  - edge
  http:
  - name: canary
    match:
    - {canary}
    route:
    - destination: {{ host: {host}, subset: v2 }}
  - name: checkout
    match:
    - uri: {{ prefix: /checkout }}
    timeout: 5s
    route:
    - destination: {{ host: {host}, subset: v1 }}
      weight: 90
    - destination: {{ host: {host}, subset: v2 }}
      weight: 10
  - name: main
    headers:
      response:
        set: {{ {REVISION}: '{revision}' }}
    route:
    - destination: {{ host: {host}, subset: v1 }}
      weight: {v1}
    - destination: {{ host: {host}, subset: v2 }}
      weight: {v2}
",
            first.ip(),
            first.port(),
            second.ip(),
            second.port(),
        )
        .expect("text grows without end");
    }
}

/// So many services with addresses of their own, which no request reaches.
#[must_use]
pub fn absent(count: usize) -> Vec<Service> {
    let absent = |index| {
        let first = u32::from(Ipv4Addr::new(10, 0, 0, 1)) + 2 * index;
        let endpoints = [first, first + 1].map(|ip| SocketAddr::from((Ipv4Addr::from(ip), UNUSED_PORT)));
        Service { index, endpoints, change: None }
    };
    (0..).take(count).map(absent).collect()
}

/// The texts of the files of these services, without the Gateway.
pub fn files(services: &[Service]) -> impl Iterator<Item = String> {
    services.chunks(PER_FILE).map(text_of)
}

/// The text of one file.
#[must_use]
pub fn text_of(services: &[Service]) -> String {
    let mut text = String::new();
    for service in services {
        service.write(&mut text);
    }
    text
}

/// The one Gateway, which takes every host.
#[must_use]
pub fn gateway() -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: edge
  namespace: bench
spec:
  servers:
  - port: {{ number: {PORT}, name: http, protocol: HTTP }}
    hosts: ['*']
"
    )
}
