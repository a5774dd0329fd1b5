//! Documents from a few arguments.

use std::fmt::Write as _;

/// A Service of one port in namespace `default`, and its endpoints, all on the port's own number.
///
/// The port's name sets the protocol: `http`, `http2`, `grpc`, `tcp`.
#[must_use]
pub fn service(name: &str, port_name: &str, port: u16, addresses: &[&str]) -> String {
    let endpoints: Vec<(&str, &str)> = addresses.iter().map(|address| (*address, "")).collect();
    versioned_service(name, port_name, port, &endpoints)
}

/// The same with a `version` label for each endpoint, for subsets; empty for none.
///
/// # Panics
/// Never: a string takes all that is written.
#[must_use]
pub fn versioned_service(name: &str, port_name: &str, port: u16, endpoints: &[(&str, &str)]) -> String {
    let mut yaml = format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: {port_name}, port: {port}}}]
---
"
    );
    for (index, (_, version)) in endpoints.iter().enumerate() {
        let pod = format!("{name}-{index}");
        let label = if version.is_empty() { String::new() } else { format!(", version: {version}") };
        write!(
            yaml,
            "apiVersion: v1
kind: Pod
metadata: {{name: {pod}, namespace: default, labels: {{app: {name}{label}}}}}
spec: {{containers: [{{name: app, image: app}}]}}
---
"
        )
        .expect("a string takes all");
    }
    if endpoints.is_empty() {
        return yaml;
    }
    write!(
        yaml,
        "apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-1, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: {port_name}, port: {port}}}]
endpoints:
"
    )
    .expect("a string takes all");
    for (index, (address, _)) in endpoints.iter().enumerate() {
        writeln!(
            yaml,
            "- addresses: [{address}]
  conditions: {{ready: true}}
  targetRef: {{kind: Pod, name: {name}-{index}, namespace: default}}"
        )
        .expect("a string takes all");
    }
    yaml.push_str("---\n");
    yaml
}

/// The mesh config: fields of `MeshConfig` in lines of their own.
#[must_use]
pub fn mesh_config(fields: &str) -> String {
    let indented: String = fields.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: istio, namespace: istio-system}}
data:
  mesh: |
{indented}---
"
    )
}

/// Endpoints of a ServiceEntry, each with a port of its own: for real sockets on port 0.
///
/// # Panics
/// Never: a string takes all that is written.
#[must_use]
pub fn entry(host: &str, protocol: &str, port: u16, endpoints: &[std::net::SocketAddr]) -> String {
    let mut yaml = format!(
        "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {}, namespace: default}}
spec:
  hosts: [{host}]
  ports: [{{number: {port}, name: port, protocol: {protocol}}}]
  resolution: STATIC
  endpoints:
",
        host.replace('.', "-")
    );
    for endpoint in endpoints {
        writeln!(yaml, "  - {{address: {}, ports: {{port: {}}}}}", endpoint.ip(), endpoint.port())
            .expect("a string takes all");
    }
    yaml.push_str("---\n");
    yaml
}

/// A ServiceEntry of one host on port 80, whose endpoints are found by name: `DNS`, `NONE` and similar. The host may
/// be a wildcard.
#[must_use]
pub fn named_entry(host: &str, protocol: &str, resolution: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: named, namespace: default}}
spec:
  hosts: ['{host}']
  ports: [{{number: 80, name: port, protocol: {protocol}}}]
  resolution: {resolution}
---
"
    )
}

/// A VirtualService for a host; `http` is the YAML below `http:`, written from column 2.
#[must_use]
pub fn virtual_service(host: &str, http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {}, namespace: default}}
spec:
  hosts: [{host}]
  http:
{http}
---
",
        host.replace('.', "-")
    )
}

/// A DestinationRule for a host; `spec` is the YAML below `host:`, written from column 2.
#[must_use]
pub fn destination_rule(host: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {}, namespace: default}}
spec:
  host: {host}
{spec}
---
",
        host.replace('.', "-")
    )
}
