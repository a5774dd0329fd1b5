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
pub(crate) struct Index<'a> {
    pub(crate) services: ByName<'a, Service>,
    pub(crate) secrets: ByName<'a, Secret>,
    pub(crate) service_entries: ByName<'a, ServiceEntry>,
    pub(crate) virtual_services: ByName<'a, VirtualService>,
    pub(crate) gateways: ByName<'a, Gateway>,
    pub(crate) k8s_gateways: ByName<'a, gateway_api::Gateway>,
}

impl<'a> Index<'a> {
    pub(crate) fn of(documents: &'a Documents) -> Self {
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
