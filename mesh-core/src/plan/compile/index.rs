//! Resources by namespace and name, for those who follow references: a look that costs the same however many
//! there are.

use std::collections::HashMap;

use crate::api::gateway_api;
use crate::api::istio::{Gateway, ServiceEntry, VirtualService};
use crate::api::kubernetes::{Secret, Service};
use crate::api::{Documents, Resource};

/// The resources of one kind. Of two with one name the older counts.
type ByName<'a, T> = HashMap<(&'a str, &'a str), &'a Resource<T>>;

/// The kinds that others refer to.
#[derive(Debug)]
pub(super) struct Index<'a> {
    pub(super) services: ByName<'a, Service>,
    pub(super) secrets: ByName<'a, Secret>,
    pub(super) service_entries: ByName<'a, ServiceEntry>,
    pub(super) virtual_services: ByName<'a, VirtualService>,
    pub(super) gateways: ByName<'a, Gateway>,
    pub(super) k8s_gateways: ByName<'a, gateway_api::Gateway>,
}

impl<'a> Index<'a> {
    pub(super) fn of(documents: &'a Documents) -> Self {
        Self {
            services: by_name(&documents.services),
            secrets: by_name(&documents.secrets),
            service_entries: by_name(&documents.service_entries),
            virtual_services: by_name(&documents.virtual_services),
            gateways: by_name(&documents.gateways),
            k8s_gateways: by_name(&documents.k8s_gateways),
        }
    }
}

fn by_name<T>(resources: &[Resource<T>]) -> ByName<'_, T> {
    let mut found = HashMap::with_capacity(resources.len());
    for resource in resources {
        found.entry((&*resource.meta.namespace, &*resource.meta.name)).or_insert(resource);
    }
    found
}
