//! Resources by namespace and name, for those who follow references: a look that costs the same however many
//! there are.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;

use crate::api::gateway_api;
use crate::api::istio::{Gateway, ServiceEntry, VirtualService};
use crate::api::kubernetes::{Secret, Service};
use crate::api::{Documents, Resource};

/// The resources of one kind, put in order when the first is asked for. Of two with one name the older counts.
pub(crate) struct ByName<'a, T>(Lazy<'a, T>);

type Map<'a, T> = HashMap<(&'a str, &'a str), &'a Resource<T>>;
type Lazy<'a, T> = LazyCell<Map<'a, T>, Box<dyn FnOnce() -> Map<'a, T> + 'a>>;

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
            services: ByName::of(&documents.services),
            secrets: ByName::of(&documents.secrets),
            service_entries: ByName::of(&documents.service_entries),
            virtual_services: ByName::of(&documents.virtual_services),
            gateways: ByName::of(&documents.gateways),
            k8s_gateways: ByName::of(&documents.k8s_gateways),
        }
    }
}

impl<'a, T> ByName<'a, T> {
    fn of(resources: &'a [Resource<T>]) -> Self {
        Self(LazyCell::new(Box::new(move || {
            let mut found = HashMap::with_capacity(resources.len());
            for resource in resources {
                found.entry((&*resource.meta.namespace, &*resource.meta.name)).or_insert(resource);
            }
            found
        })))
    }
}

impl<'a, T> Deref for ByName<'a, T> {
    type Target = Map<'a, T>;

    fn deref(&self) -> &Map<'a, T> {
        &self.0
    }
}

impl<T> fmt::Debug for ByName<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}
