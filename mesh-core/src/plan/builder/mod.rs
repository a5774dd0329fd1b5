//! What YAML can say, said in Rust.
//!
//! The builder makes the very objects that files are read into, with `<builder>` as their origin, so
//! that there is one compiler and one set of rules for both. The short methods cover what most
//! programs need; behind each of them stands the typed object of the API (`with`, `policy`), so
//! nothing that YAML can say is out of reach.
//!
//! ```
//! use std::time::Duration;
//! use mesh_core::plan::builder::{MeshSpec, Protocol, Rule, Service};
//! use mesh_core::plan::{CompileOptions, compile};
//!
//! let documents = MeshSpec::new()
//!     .service(
//!         Service::new("reviews")
//!             .port(9080, Protocol::Http)
//!             .endpoint("127.0.0.1:9081".parse()?, [("version", "v1")])
//!             .endpoint("127.0.0.1:9082".parse()?, [("version", "v2")]),
//!     )
//!     .rule(Rule::to("reviews").prefix("/beta").weighted("v2", 100))
//!     .rule(
//!         Rule::to("reviews")
//!             .weighted("v1", 90)
//!             .weighted("v2", 10)
//!             .timeout(Duration::from_secs(2))
//!             .retries(2, "connect-failure,refused-stream"),
//!     )
//!     .build()
//!     .expect("the mesh is sound");
//! let compiled = compile(&documents, &CompileOptions::default(), None);
//! assert!(compiled.diagnostics.is_empty(), "{}", compiled.diagnostics);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod rule;
mod service;
#[cfg(test)]
mod tests;

pub use rule::Rule;
pub use service::{Protocol, Service};

use crate::analysis::validate::Validate;
use crate::api::envoy_gateway::BackendTrafficPolicy;
use crate::api::istio::{
    DestinationRule, Gateway, MeshConfig, ServiceEntry, Sidecar, VirtualService, WorkloadProxyConfig,
};
use crate::api::{Documents, Metadata, Resource};
use crate::diagnostic::Diagnostics;

/// A mesh under construction.
#[derive(Clone, Debug)]
#[must_use]
pub struct MeshSpec {
    namespace: String,
    documents: Documents,
    services: Vec<Service>,
    rules: Vec<Rule>,
    refused: Diagnostics,
}

impl Default for MeshSpec {
    fn default() -> Self {
        Self::new()
    }
}

impl MeshSpec {
    /// An empty mesh; what is added belongs to namespace `default`.
    pub fn new() -> Self {
        Self::from(Documents::default())
    }

    /// The namespace of what is added; call it first.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Adds a service.
    pub fn service(mut self, service: Service) -> Self {
        self.services.push(service);
        self
    }

    /// Adds a rule. The rules of one host are tried in the order in which they were added.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds a whole `VirtualService`.
    pub fn virtual_service(mut self, name: &str, spec: VirtualService) -> Self {
        let resource = self.checked(name, spec);
        self.documents.virtual_services.push(resource);
        self
    }

    /// Adds a whole `DestinationRule`.
    pub fn destination_rule(mut self, name: &str, spec: DestinationRule) -> Self {
        let resource = self.checked(name, spec);
        self.documents.destination_rules.push(resource);
        self
    }

    /// Adds a whole `ServiceEntry`.
    pub fn service_entry(mut self, name: &str, spec: ServiceEntry) -> Self {
        let resource = self.checked(name, spec);
        self.documents.service_entries.push(resource);
        self
    }

    /// Adds a `Gateway`.
    pub fn gateway(mut self, name: &str, spec: Gateway) -> Self {
        let resource = self.checked(name, spec);
        self.documents.gateways.push(resource);
        self
    }

    /// Adds a `Sidecar`.
    pub fn sidecar(mut self, name: &str, spec: Sidecar) -> Self {
        let resource = self.checked(name, spec);
        self.documents.sidecars.push(resource);
        self
    }

    /// Adds a `ProxyConfig` resource.
    pub fn proxy_config(mut self, name: &str, spec: WorkloadProxyConfig) -> Self {
        let resource = self.checked(name, spec);
        self.documents.proxy_configs.push(resource);
        self
    }

    /// Adds a `BackendTrafficPolicy`.
    pub fn backend_traffic_policy(mut self, name: &str, spec: BackendTrafficPolicy) -> Self {
        let resource = self.checked(name, spec);
        self.documents.backend_traffic_policies.push(resource);
        self
    }

    /// Sets the mesh config.
    pub fn mesh_config(mut self, spec: MeshConfig) -> Self {
        let resource = self.checked("istio", spec);
        self.documents.mesh_config = Some(resource);
        self
    }

    /// The documents that say all this.
    ///
    /// # Errors
    /// What may not be, by the same checks that files go through.
    pub fn build(mut self) -> Result<Documents, Diagnostics> {
        let mut services = std::mem::take(&mut self.services);
        let mut hosts: Vec<(String, Vec<Rule>)> = Vec::new();
        for rule in std::mem::take(&mut self.rules) {
            for service in services.iter_mut().filter(|service| service.name() == rule.target()) {
                service.know_subsets(&rule);
            }
            match hosts.iter_mut().find(|(host, _)| host == rule.host()) {
                Some((_, rules)) => rules.push(rule),
                None => hosts.push((rule.host().to_owned(), vec![rule])),
            }
        }
        for service in services {
            let name = service.resource_name();
            let health = service.health(&name);
            let (entry, rule) = service.into_parts(&self.namespace);
            self = self.service_entry(&name, entry);
            if let Some(policy) = health {
                self = self.backend_traffic_policy(&name, policy);
            }
            if let Some(rule) = rule {
                self = self.destination_rule(&name, rule);
            }
        }
        for (host, rules) in hosts {
            let http = rules.into_iter().map(Rule::into_route).collect();
            let name = service::resource_name(&host);
            let spec = VirtualService { hosts: vec![host], http, ..VirtualService::default() };
            self = self.virtual_service(&name, spec);
        }
        if self.refused.has_errors() {
            self.refused.sort();
            return Err(self.refused);
        }
        self.documents.sort();
        Ok(self.documents)
    }

    fn checked<T: Validate>(&mut self, name: &str, spec: T) -> Resource<T> {
        let resource = Resource::new(Metadata::new(self.namespace.as_str(), name), spec);
        self.refused.append(resource.validate());
        resource
    }
}

impl From<Documents> for MeshSpec {
    /// Adds to what files say.
    fn from(documents: Documents) -> Self {
        Self {
            namespace: "default".into(),
            documents,
            services: Vec::new(),
            rules: Vec::new(),
            refused: Diagnostics::new(),
        }
    }
}
