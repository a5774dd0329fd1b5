//! Who we are (MC-4): a document's name, or what Kubernetes tells a pod through its environment and files.

use crate::api::Documents;
use crate::api::Resource;
use crate::api::istio::WorkloadGroup;
use crate::api::kubernetes;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
use crate::error::Origin;
use crate::identity::{Labels, Locality, Workload};
use crate::nearest::nearest;
use std::collections::BTreeMap;

use super::labels;
use super::nodes::{NETWORK, Nodes};
use super::refusal;

/// How a workload knows itself.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum WorkloadSource {
    /// Nothing is known: namespace `default`, account `default`, no labels.
    #[default]
    Unknown,
    /// It was told.
    Explicit(Box<Workload>),
    /// A document names it: `namespace/kind/name`, such as `default/Deployment/web-server`, or a name
    /// alone. A name that no document has stands for a workload of namespace `default` with label
    /// `app`, so that a program can run before its Deployment is written.
    Named(String),
}

impl From<Workload> for WorkloadSource {
    fn from(workload: Workload) -> Self {
        Self::Explicit(Box::new(workload))
    }
}

/// The documented workload of this name, if there is one.
pub(crate) fn find<'a>(documents: &'a Documents, name: &str) -> Option<&'a Resource<kubernetes::Workload>> {
    let parts: Vec<&str> = name.split('/').collect();
    let (namespace, kind, name) = match parts[..] {
        [namespace, kind, name] => (Some(namespace), Some(kind), name),
        [namespace, name] => (Some(namespace), None, name),
        _ => (None, None, name),
    };
    let fits = |resource: &&Resource<kubernetes::Workload>| {
        namespace.is_none_or(|namespace| resource.meta.namespace == namespace)
            && kind.is_none_or(|kind| resource.spec.kind.eq_ignore_ascii_case(kind))
    };
    // One that is refused is still what it is called, with the labels that could be read.
    let refused = refusal::refused(documents, |documents| &documents.workloads);
    let all = || documents.workloads.iter().chain(refused).filter(fits);
    let named = all().find(|resource| resource.meta.name == name);
    // `api-server-v1` and `-v2` are both the app `api-server`: a bare name may mean the app.
    let app = |resource: &&Resource<kubernetes::Workload>| {
        kind.is_none() && resource.spec.template.metadata.labels.get("app").is_some_and(|app| app == name)
    };
    named.or_else(|| all().find(app))
}

/// The documented group of this name, `namespace/WorkloadGroup/name` or shorter.
fn find_group<'a>(documents: &'a Documents, name: &str) -> Option<&'a Resource<WorkloadGroup>> {
    let parts: Vec<&str> = name.split('/').collect();
    let (namespace, name) = match parts[..] {
        [namespace, kind, name] if kind.eq_ignore_ascii_case("WorkloadGroup") => (Some(namespace), name),
        [namespace, name] => (Some(namespace), name),
        [name] => (None, name),
        _ => return None,
    };
    let fits = |group: &&Resource<WorkloadGroup>| {
        group.meta.name == name && namespace.is_none_or(|namespace| group.meta.namespace == namespace)
    };
    documents.workload_groups.iter().find(fits)
}

/// The workload of `source`.
pub(crate) fn resolve(
    documents: &Documents,
    source: &WorkloadSource,
    gateway: bool,
    trust_domain: &str,
    out: &mut Diagnostics,
) -> Workload {
    match source {
        WorkloadSource::Explicit(workload) => Workload::clone(workload),
        WorkloadSource::Unknown => {
            let labels = if gateway { selected(documents) } else { Labels::new() };
            Workload { trust_domain: trust_domain.to_owned(), labels, ..Workload::default() }
        }
        WorkloadSource::Named(name) => {
            let workload = if let Some(resource) = find(documents, name) {
                documented(resource, &Nodes::of(documents))
            } else if let Some(group) = find_group(documents, name) {
                of_group(group)
            } else {
                let known = documents.workloads.iter().map(|resource| resource.meta.name.as_str());
                let message = format!("no document describes workload {name:?}: it has no labels but `app`");
                let mut warning =
                    Diagnostic::new(Code::ReferencedResourceNotFound, Origin::default(), message)
                        .level(Level::Warning);
                if let Some(near) = nearest(name, known) {
                    warning = warning.hint(format!("did you mean {near}?"));
                }
                out.push(warning);
                let mut workload = undocumented(name);
                if gateway {
                    workload.labels.extend(selected(documents));
                }
                workload
            };
            Workload { trust_domain: trust_domain.to_owned(), ..workload }
        }
    }
}

/// The labels that the Gateways of a folder select. A gateway that no document describes is the one that they mean: a
/// user who starts one beside stock files (`selector: istio: ingressgateway`) need not repeat the labels. Of two
/// values for one label the older Gateway's holds.
fn selected(documents: &Documents) -> Labels {
    let mut labels = Labels::new();
    let refused = refusal::refused(documents, |documents| &documents.gateways);
    for (key, value) in documents.gateways.iter().chain(refused).flat_map(|gateway| &gateway.spec.selector) {
        labels.insert_new(key, value);
    }
    labels
}

fn documented(resource: &Resource<kubernetes::Workload>, nodes: &Nodes<'_>) -> Workload {
    let template = &resource.spec.template;
    let spec = &template.spec;
    let account = [&spec.service_account_name, &spec.service_account];
    let account = account.into_iter().find(|account| !account.is_empty());
    Workload {
        name: resource.meta.name.clone(),
        namespace: resource.meta.namespace.clone(),
        service_account: account.cloned().unwrap_or_else(|| "default".into()),
        locality: nodes.locality(&template.metadata.labels, &spec.node_name),
        node: Some(spec.node_name.clone()).filter(|node| !node.is_empty()),
        network: template.metadata.labels.get(NETWORK).cloned(),
        labels: template.metadata.labels.clone(),
        annotations: template.metadata.annotations.clone(),
        ip: resource.spec.pod_ip.as_deref().and_then(|ip| ip.parse().ok()),
        ..Workload::default()
    }
}

/// A workload of a group, as the group describes each.
fn of_group(group: &Resource<WorkloadGroup>) -> Workload {
    let labels = labels::of_group(&group.spec);
    let template = group.spec.template.clone().unwrap_or_default();
    let account = Some(template.service_account).filter(|account| !account.is_empty());
    let locality = Locality::parse(&template.locality);
    let annotations = group.spec.metadata.iter().flat_map(|metadata| metadata.annotations.clone());
    Workload {
        name: group.meta.name.clone(),
        namespace: group.meta.namespace.clone(),
        service_account: account.unwrap_or_else(|| "default".into()),
        locality: if locality.is_unknown() { Locality::of_labels(&labels) } else { locality },
        network: Some(template.network).filter(|network| !network.is_empty()),
        annotations: annotations.collect(),
        labels,
        ..Workload::default()
    }
}

fn undocumented(name: &str) -> Workload {
    let mut parts = name.split('/');
    let first = parts.next().unwrap_or_default();
    let (namespace, name) = match parts.next_back() {
        Some(last) => (first, last),
        None => ("default", first),
    };
    Workload {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        labels: Labels::from([("app".to_owned(), name.to_owned())]),
        ..Workload::default()
    }
}

/// The workload that Kubernetes tells of through the environment of an injected pod (KI-5); `None`
/// where it says nothing.
///
/// ```
/// use mesh_core::plan::workload_of_environment;
///
/// let pairs = [("POD_NAMESPACE", "shop"), ("ISTIO_META_WORKLOAD_NAME", "cart"), ("SERVICE_ACCOUNT", "cart")];
/// let workload = workload_of_environment(pairs).unwrap();
/// assert_eq!(workload.spiffe_id(), "spiffe://cluster.local/ns/shop/sa/cart");
/// ```
#[must_use]
pub fn workload_of_environment<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Workload> {
    let mut workload = Workload::default();
    let (mut pod, mut named, mut known) = (None, false, false);
    for (key, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
        match key {
            "POD_NAME" => pod = Some(value),
            "POD_NAMESPACE" => value.clone_into(&mut workload.namespace),
            "SERVICE_ACCOUNT" => value.clone_into(&mut workload.service_account),
            "INSTANCE_IP" => workload.ip = value.parse().ok(),
            "TRUST_DOMAIN" => value.clone_into(&mut workload.trust_domain),
            "ISTIO_META_CLUSTER_ID" => value.clone_into(&mut workload.cluster),
            "ISTIO_META_WORKLOAD_NAME" => {
                value.clone_into(&mut workload.name);
                named = true;
            }
            // kubernetes://apis/apps/v1/namespaces/<namespace>/deployments/<name>
            "ISTIO_META_OWNER" if !named => {
                value.rsplit('/').next().unwrap_or_default().clone_into(&mut workload.name);
                named = true;
            }
            // The WorkloadGroup of a virtual machine.
            "ISTIO_META_AUTO_REGISTER_GROUP" if !named => {
                value.clone_into(&mut workload.name);
                named = true;
            }
            "ISTIO_METAJSON_LABELS" => {
                workload.labels.extend(serde_json::from_str::<BTreeMap<_, _>>(value).unwrap_or_default());
            }
            "ISTIO_META_LOCALITY" => workload.locality = Locality::parse(value),
            "ISTIO_META_NODE_NAME" => workload.node = Some(value.to_owned()),
            "ISTIO_META_NETWORK" => workload.network = Some(value.to_owned()),
            _ => continue,
        }
        known = true;
    }
    if !named && let Some(pod) = pod {
        pod.clone_into(&mut workload.name);
    }
    if workload.locality.is_unknown() {
        workload.locality = Locality::of_labels(&workload.labels);
    }
    known.then_some(workload)
}

/// What the files `labels` and `annotations` of a pod's downward API add to what else is known of it (MC-4).
/// Labels told otherwise stay as they are. `None` where nothing is known from either.
///
/// Each line is `key="value"`, the value quoted as Go quotes it.
///
/// ```
/// use mesh_core::plan::complete_by_pod_info;
///
/// let workload = complete_by_pod_info(None, "app=\"cart\"\nversion=\"v1\"\n", "").unwrap();
/// assert_eq!(workload.labels["version"], "v1");
/// ```
#[must_use]
pub fn complete_by_pod_info(workload: Option<Workload>, labels: &str, annotations: &str) -> Option<Workload> {
    let (labels, annotations) = (pod_info(labels), pod_info(annotations));
    if labels.is_empty() && annotations.is_empty() {
        return workload;
    }
    let mut workload = workload.unwrap_or_default();
    if workload.labels.is_empty() {
        workload.labels = labels;
    }
    if workload.locality.is_unknown() {
        workload.locality = Locality::of_labels(&workload.labels);
    }
    if workload.network.is_none() {
        workload.network = workload.labels.get(NETWORK).cloned();
    }
    workload.annotations.extend(annotations);
    Some(workload)
}

/// The pairs of a downward-API file; lines that are none are left out.
fn pod_info(text: &str) -> Labels {
    let pair = |line: &str| {
        let (key, value) = line.trim().split_once('=')?;
        Some((key.to_owned(), unquoted(value.strip_prefix('"')?.strip_suffix('"')?)?))
    };
    text.lines().filter_map(pair).collect()
}

/// A text without the escapes of Go.
fn unquoted(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        let digits = match rest.next()? {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            c => {
                let known = ['a', 'b', 'f', 'n', 'r', 't', 'v'].iter().position(|known| *known == c);
                plain.push(known.map_or(c, |at| ['\x07', '\x08', '\x0c', '\n', '\r', '\t', '\x0b'][at]));
                continue;
            }
        };
        let hex: String = rest.by_ref().take(digits).collect();
        plain.push(u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32)?);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    // KI-5: as injected pods have it.
    #[test]
    fn mc_4_the_environment_of_a_pod_names_its_workload() {
        let pairs = [
            ("POD_NAME", "web-7d9f-x2x"),
            ("POD_NAMESPACE", "shop"),
            ("SERVICE_ACCOUNT", "web"),
            ("INSTANCE_IP", "10.0.0.7"),
            ("ISTIO_META_OWNER", "kubernetes://apis/apps/v1/namespaces/shop/deployments/web"),
            ("ISTIO_METAJSON_LABELS", r#"{"app":"web","version":"v1"}"#),
            ("TRUST_DOMAIN", "example.org"),
            ("ISTIO_META_NODE_NAME", "node-1"),
            ("HOME", "/root"),
        ];
        let workload = workload_of_environment(pairs).unwrap();
        assert_eq!(workload.name, "web");
        assert_eq!(workload.labels["version"], "v1");
        assert_eq!(workload.spiffe_id(), "spiffe://example.org/ns/shop/sa/web");
        assert_eq!(workload.ip.unwrap().to_string(), "10.0.0.7");
        assert_eq!(workload.node.as_deref(), Some("node-1"));
    }

    #[test]
    fn mc_4_an_environment_of_no_pod_says_nothing() {
        assert_eq!(workload_of_environment([("HOME", "/root"), ("POD_NAME", "")]), None);
        assert_eq!(workload_of_environment([("POD_NAME", "a"), ("HOME", "/root")]).unwrap().name, "a");
        let machine = [("POD_NAME", "vm-1"), ("ISTIO_META_AUTO_REGISTER_GROUP", "cart")];
        assert_eq!(workload_of_environment(machine).unwrap().name, "cart", "a virtual machine");
    }

    /// MC-4: labels, then annotations, of the files; what the environment says stays.
    #[test]
    fn mc_4_the_files_of_the_downward_api_complete_what_is_known() {
        let labels = "app=\"web\"\nversion=\"v1\"\ntopology.istio.io/network=\"n1\"\nno pair\n";
        let annotations = "note=\"a \\\"quoted\\\" \\u00e9\\x41\\\\\"\nproxy.istio.io/config=\"concurrency: 3\\nproxyAdminPort: 1\\n\"\n";
        let alone = complete_by_pod_info(None, labels, annotations).unwrap();
        assert_eq!(alone.labels["app"], "web");
        assert_eq!((alone.labels.len(), alone.network.as_deref()), (3, Some("n1")));
        assert_eq!(alone.annotations["note"], "a \"quoted\" \u{e9}A\\");
        assert_eq!(alone.annotations["proxy.istio.io/config"], "concurrency: 3\nproxyAdminPort: 1\n");
        assert_eq!(alone.namespace, "default");

        let pairs = [("POD_NAMESPACE", "shop"), ("ISTIO_METAJSON_LABELS", r#"{"app":"cart"}"#)];
        let both = complete_by_pod_info(workload_of_environment(pairs), labels, annotations).unwrap();
        assert_eq!((both.namespace.as_str(), both.labels.len(), &*both.labels["app"]), ("shop", 1, "cart"));
        assert_eq!(both.annotations.len(), 2);
        assert_eq!(complete_by_pod_info(None, "", "\n"), None);
        let unlabelled = workload_of_environment([("POD_NAMESPACE", "shop")]);
        let labelled = complete_by_pod_info(unlabelled, "istio-locality=\"r.z\"", "").unwrap();
        assert_eq!((labelled.locality.region.as_str(), labelled.locality.zone.as_str()), ("r", "z"));
    }
}
