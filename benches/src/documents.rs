//! The documents of one service, and the changes that are made to them.
//!
//! ```text
//! ServiceEntry      two endpoints, labelled v1 and v2
//! DestinationRule   two subsets
//! VirtualService    canary:   a header      -> v2
//!                   checkout: a prefix      -> v1 90 %, v2 10 %
//!                   main:     the rest      -> v1 100 %, v2 0 %
//! ```

use std::fmt::Write as _;
use std::net::SocketAddr;

/// Response header that the last route sets.
pub(crate) const REVISION: &str = "x-revision";

/// The port of the gateway and of every service.
pub(crate) const PORT: u16 = 80;

/// A change to a service. The next answer to `GET /` shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// The last route sets another value in the response.
    Header,
    /// The first route matches every request: `v2` answers.
    Match,
    /// The weights of the last route are swapped: `v2` answers.
    Weights,
}

impl Change {
    /// The change that a run makes at this place, all kinds in turn.
    pub(crate) const fn nth(index: usize) -> Self {
        match index % 3 {
            0 => Self::Header,
            1 => Self::Match,
            _ => Self::Weights,
        }
    }

    /// The name in the figures.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Match => "match",
            Self::Weights => "weights",
        }
    }

    /// The version and the revision that answers show under a service's state.
    pub(crate) const fn shown(change: Option<Self>) -> (&'static str, &'static str) {
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
pub(crate) struct Service {
    /// Its place among all.
    pub(crate) index: u32,
    /// Of `v1` and `v2`.
    pub(crate) endpoints: [SocketAddr; 2],
    /// The change, if there is one.
    pub(crate) change: Option<Change>,
}

impl Service {
    /// The host that is asked.
    pub(crate) fn host(&self) -> String {
        format!("service-{:05}.bench.internal", self.index)
    }

    /// Adds its documents to a file.
    pub(crate) fn write(&self, text: &mut String) {
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

/// The one Gateway, which takes every host.
pub(crate) fn gateway() -> String {
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
