//! Documents in a line.

/// An object of a kind that the tests of this module use; `name` may have its namespace before it, `team/cart`. `spec`
/// is one line in braces, or a block that begins with a new line.
pub(super) fn object(kind: &str, name: &str, spec: &str) -> String {
    let api = match kind {
        "Service" | "Pod" => "v1",
        "Deployment" => "apps/v1",
        "GatewayClass" | "HTTPRoute" | "GRPCRoute" | "ReferenceGrant" => "gateway.networking.k8s.io/v1",
        "ProxyConfig" => "networking.istio.io/v1beta1",
        _ => "networking.istio.io/v1",
    };
    let metadata = match name.split_once('/') {
        Some((namespace, name)) => format!("{{name: {name}, namespace: {namespace}}}"),
        None => format!("{{name: {name}}}"),
    };
    format!("---\napiVersion: {api}\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n")
}

/// A Service of one HTTP port, 80.
pub(super) fn service(name: &str) -> String {
    object("Service", name, "{ports: [{name: http, port: 80}]}")
}
