//! Settings of this proxy, from everywhere that may say them (MC-3).
//!
//! ```text
//! built in < mesh defaultConfig < ProxyConfig of the root namespace < of the namespace
//!          < annotation proxy.istio.io/config < ProxyConfig that selects the workload
//! ```
//! Later wins, field by field; of `proxyMetadata`, entry by entry.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use http::HeaderValue;

use super::labels::has_labels;
use crate::api::istio::{PROXY_CONFIG, ProxyConfig, WorkloadProxyConfig};
use crate::api::{Documents, Resource, Source};
use crate::diagnostic::Diagnostics;
use crate::identity::Workload;
use crate::plan::{ServerHeader, Settings};
use crate::read::reader;
use crate::text_map::TextMap;

/// Puts the settings of the proxy of `workload` into `settings`. `annotated` is what the document that
/// describes it is annotated with; one that was told in full brings its annotations along.
pub(crate) fn apply(
    settings: &mut Settings,
    documents: &Documents,
    workload: &Workload,
    annotated: Option<&ProxyConfig>,
    out: &mut Diagnostics,
) {
    let root = settings.root_namespace.clone();
    let own = annotated.is_none().then(|| workload.annotations.get(PROXY_CONFIG)).flatten();
    let own = own.and_then(|text| {
        let label = format!("Workload {}/{}", workload.namespace, workload.name);
        reader::annotation(text, &Arc::new(Source::builder(&label)), out)
    });
    let mut layers = Layers { settings, metadata: BTreeMap::new() };
    let mesh = documents.mesh_config.as_ref().and_then(|mesh| mesh.spec.default_config.as_ref());
    layers.written(mesh);
    layers.resource(of_namespace(documents, &root));
    if workload.namespace != root {
        layers.resource(of_namespace(documents, &workload.namespace));
    }
    layers.written(annotated.or(own.as_ref()));
    layers.resource(selecting(documents, workload, &root));
    layers.settings.http10 = layers.metadata.get("ISTIO_META_HTTP10").is_some_and(|value| *value == "1");
}

/// The oldest ProxyConfig that is for all of a namespace.
fn of_namespace<'a>(documents: &'a Documents, namespace: &str) -> Option<&'a WorkloadProxyConfig> {
    let whole =
        |one: &&Resource<WorkloadProxyConfig>| one.meta.namespace == namespace && one.spec.selector.is_none();
    documents.proxy_configs.iter().find(whole).map(|one| &one.spec)
}

/// The oldest one that selects the workload, of its own namespace, else of the root namespace (N-6).
fn selecting<'a>(
    documents: &'a Documents,
    workload: &Workload,
    root: &str,
) -> Option<&'a WorkloadProxyConfig> {
    let of = |namespace: &str| {
        documents.proxy_configs.iter().find(|one| {
            let selector = one.spec.selector.as_ref();
            one.meta.namespace == namespace
                && selector.is_some_and(|labels| has_labels(&workload.labels, &labels.match_labels))
        })
    };
    of(&workload.namespace).or_else(|| of(root)).map(|one| &one.spec)
}

/// What has been said so far.
struct Layers<'a, 's> {
    settings: &'s mut Settings,
    metadata: BTreeMap<&'a str, &'a str>,
}

impl<'a> Layers<'a, '_> {
    fn written(&mut self, written: Option<&'a ProxyConfig>) {
        let Some(written) = written else { return };
        let settings = &mut *self.settings;
        if let Some(port) = written.proxy_admin_port.and_then(|port| u16::try_from(port).ok()) {
            settings.admin_port = port;
        }
        if let Some(port) = written.status_port.and_then(|port| u16::try_from(port).ok()) {
            settings.status_port = Some(port).filter(|port| *port > 0);
        }
        settings.drain_duration = written.drain_duration.unwrap_or(settings.drain_duration);
        settings.termination_drain_duration =
            written.termination_drain_duration.unwrap_or(settings.termination_drain_duration);
        if let Some(topology) = &written.gateway_topology {
            settings.trusted_proxies = topology.num_trusted_proxies as usize;
        }
        if let Some(headers) = &written.proxy_headers {
            if let Some(disabled) = headers.request_id.as_ref().and_then(|id| id.disabled) {
                settings.request_id = !disabled;
            }
            if let Some(server) = &headers.server {
                let value = HeaderValue::from_str(&server.value).ok().filter(|value| !value.is_empty());
                settings.server = match (server.disabled, value) {
                    (Some(true), _) => ServerHeader::Kept,
                    (_, Some(value)) => ServerHeader::Is(value),
                    (_, None) => ServerHeader::Own,
                };
            }
        }
        self.both(written.concurrency, &written.proxy_metadata);
    }

    fn resource(&mut self, written: Option<&'a WorkloadProxyConfig>) {
        if let Some(written) = written {
            self.both(written.concurrency, &written.environment_variables);
        }
    }

    fn both(&mut self, concurrency: Option<i32>, metadata: &'a TextMap<String>) {
        if let Some(count) = concurrency {
            // 0 is one for each core, whatever was said before.
            self.settings.concurrency = usize::try_from(count).ok().and_then(NonZeroUsize::new);
        }
        self.metadata.extend(metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    }
}
