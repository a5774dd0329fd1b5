//! mesh-proxy as a gateway with one worker, configured with Istio's YAML.
//!
//! The shipped executable is measured, not its library inside this one: the allocator is part of what is compared.

use std::path::{Path, PathBuf};

use mesh_benches::process::{Process, first_line};
use mesh_benches::proxy;

use crate::cli::Options;
use crate::peer::{Peer, Place};
use crate::scenario::{ERRORS_TO_EJECT, HOST, REQUEST_LIMIT, RETRIES};

/// The built executable.
#[derive(Debug)]
pub(super) struct Ours {
    program: PathBuf,
    version: String,
}

impl Ours {
    pub(super) async fn find(options: &Options) -> anyhow::Result<Self> {
        let program = proxy::executable(options.proxy.as_deref()).await?;
        let version = first_line(&program, "--version").await?;
        Ok(Self { program, version })
    }
}

impl Peer for Ours {
    fn version(&self) -> String {
        self.version.clone()
    }

    fn start(&self, place: &Place<'_>) -> anyhow::Result<Process> {
        let folder = place.folder.join("config");
        std::fs::create_dir(&folder)?;
        std::fs::write(folder.join("bench.yaml"), documents(place, &self.access_log(place)))?;
        let bind = format!("80={}", place.listen);
        let arguments = ["run", "--workers", "1", "--admin", "127.0.0.1:0", "--bind", &bind, "--config"];
        let arguments = arguments.iter().map(AsRef::as_ref).chain([folder.as_os_str()]);
        Process::start(&self.program, arguments, place.folder)
    }
}

fn documents(place: &Place<'_>, access_log: &Path) -> String {
    let (ip, port) = (place.backend.ip(), place.backend.port());
    let (entry, name) = match (place.scenario.is_grpc(), place.scenario.is_http2()) {
        (true, _) => ("GRPC", "grpc-bench"),
        (false, true) => ("HTTP2", "http2-bench"),
        (false, false) => ("HTTP", "http-bench"),
    };
    let mesh = place.scenario.has_mesh_features();
    let (retries, features) =
        if mesh { features(access_log) } else { ("attempts: 0".to_owned(), String::new()) };
    format!(
        "apiVersion: v1
kind: Service
metadata: {{ name: bench, namespace: default }}
spec:
  ports: [{{ name: {name}, port: 80, targetPort: {port} }}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{ name: bench-1, namespace: default, labels: {{ kubernetes.io/service-name: bench }} }}
addressType: IPv4
ports: [{{ name: {name}, port: {port} }}]
endpoints: [{{ addresses: ['{ip}'] }}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{ name: bench, namespace: default }}
spec:
  servers:
  - port: {{ number: 80, protocol: {entry}, name: entry }}
    hosts: ['{HOST}']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{ name: bench, namespace: default }}
spec:
  hosts: ['{HOST}']
  gateways: [bench]
  http:
  - route: [{{ destination: {{ host: bench, port: {{ number: 80 }} }} }}]
    retries: {{ {retries} }}
{features}"
    )
}

/// The rule's retries, and more documents.
fn features(access_log: &Path) -> (String, String) {
    let retries =
        format!("attempts: {RETRIES}, retryOn: 'connect-failure,refused-stream,unavailable,cancelled,503'");
    let log = access_log.display();
    let documents = format!(
        "---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{ name: bench, namespace: default }}
spec:
  host: bench
  trafficPolicy:
    loadBalancer: {{ simple: LEAST_REQUEST }}
    connectionPool: {{ http: {{ http2MaxRequests: {REQUEST_LIMIT} }} }}
    outlierDetection: {{ consecutive5xxErrors: {ERRORS_TO_EJECT}, maxEjectionPercent: 50 }}
---
apiVersion: v1
kind: ConfigMap
metadata: {{ name: istio, namespace: istio-system }}
data:
  mesh: |
    accessLogFile: {log}
    accessLogEncoding: JSON
"
    );
    (retries, documents)
}
