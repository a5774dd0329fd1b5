//! Which documents are the same as at the last compile.
//!
//! What was made of documents that stayed is taken over, and what was made of others is made again. To be taken over
//! a result names every document that it was made of: by its place in the list, which [`Kept`] translates from the
//! new documents to the last ones.

use std::cmp::Ordering;

use super::refusal::refused;
use crate::api::{Documents, Resource, creation_order};

/// A place that no document has.
const NONE: u32 = u32::MAX;

/// Where each document of a list stood in the last list, if it is the same document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// By the new place; [`NONE`] for what is new or changed.
    before: Vec<u32>,
    /// Whether nothing came, went or changed.
    all: bool,
}

/// The documents that results are taken over by, kind by kind. The default is that nothing is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) services: Kept,
    pub(crate) endpoint_slices: Kept,
    pub(crate) endpoints: Kept,
    pub(crate) service_entries: Kept,
    pub(crate) virtual_services: Kept,
    pub(crate) destination_rules: Kept,
    /// Whether all that endpoints are found by stayed: pods, nodes and WorkloadEntries.
    pub(crate) same_workloads: bool,
    /// Whether all Gateways stayed, those that are refused among them.
    pub(crate) same_gateways: bool,
}

impl Changes {
    /// Compares the documents with those of the last compile.
    pub(crate) fn between(now: &Documents, before: &Documents) -> Self {
        let same_pods = Kept::between(&now.workloads, &before.workloads).all;
        let same_nodes = Kept::between(&now.nodes, &before.nodes).all;
        let same_entries = Kept::between(&now.workload_entries, &before.workload_entries).all;
        Self {
            services: Kept::between(&now.services, &before.services),
            endpoint_slices: Kept::between(&now.endpoint_slices, &before.endpoint_slices),
            endpoints: Kept::between(&now.endpoints, &before.endpoints),
            service_entries: Kept::between(&now.service_entries, &before.service_entries),
            virtual_services: Kept::between(&now.virtual_services, &before.virtual_services),
            destination_rules: Kept::between(&now.destination_rules, &before.destination_rules),
            same_workloads: same_pods && same_nodes && same_entries,
            same_gateways: same_all(now, before, |documents| &documents.gateways),
        }
    }
}

/// Whether all resources of a list stayed, those that are refused among them.
fn same_all<T>(now: &Documents, before: &Documents, list: fn(&Documents) -> &Vec<Resource<T>>) -> bool {
    Kept::between(list(now), list(before)).all && Kept::between(refused(now, list), refused(before, list)).all
}

/// Whether all that results depend on without naming it is the same: the mesh config, the settings of proxies,
/// and the Sidecars.
pub(crate) fn same_surroundings(now: &Documents, before: &Documents) -> bool {
    let same_config = |now: &Documents, before: &Documents| match (&now.mesh_config, &before.mesh_config) {
        (Some(now), Some(before)) => now.is_same(before),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let nothing = Documents::default();
    same_config(now, before)
        && same_config(
            now.refused.as_deref().unwrap_or(&nothing),
            before.refused.as_deref().unwrap_or(&nothing),
        )
        && Kept::between(&now.proxy_configs, &before.proxy_configs).all
        && same_all(now, before, |documents| &documents.sidecars)
}

impl Kept {
    /// Walks both lists at once, which are in creation order. Of a list that is not, less is found to be the same.
    fn between<T>(now: &[Resource<T>], before: &[Resource<T>]) -> Self {
        let mut places = Vec::with_capacity(now.len());
        let mut at = 0;
        for one in now {
            let mut found = NONE;
            while let Some(other) = before.get(at) {
                if one.is_same(other) {
                    found = u32::try_from(at).unwrap_or(NONE);
                    at += 1;
                    break;
                }
                match creation_order(&one.meta, &other.meta) {
                    Ordering::Less => break,
                    Ordering::Equal => {
                        at += 1;
                        break;
                    }
                    Ordering::Greater => at += 1,
                }
            }
            places.push(found);
        }
        let all = now.len() == before.len() && !places.contains(&NONE);
        Self { before: places, all }
    }

    /// Where the document at this place stood, if it is the same.
    pub(crate) fn at(&self, place: usize) -> Option<usize> {
        self.before.get(place).filter(|before| **before != NONE).map(|before| *before as usize)
    }

    /// Whether the documents at these places are the ones that stood at those.
    pub(crate) fn are(&self, now: &[u32], before: &[u32]) -> bool {
        let is = |(now, before): (&u32, &u32)| self.at(*now as usize) == Some(*before as usize);
        now.len() == before.len() && now.iter().zip(before).all(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Metadata;
    use crate::api::istio::VirtualService;

    fn rule(name: &str) -> Resource<VirtualService> {
        Resource::new(Metadata::new("", name), VirtualService::default())
    }

    #[test]
    fn documents_are_found_where_they_stood() {
        let before = ["b", "c", "d", "f"].map(rule);
        let mut changed = before[1].clone();
        changed.spec.hosts.push("x".into());
        let now = [rule("a"), before[0].clone(), changed, before[3].clone(), rule("g")];
        let kept = Kept::between(&now, &before);
        let places: Vec<_> = (0..6).map(|place| kept.at(place)).collect();
        assert_eq!(places, [None, Some(0), None, Some(3), None, None]);
        assert!(kept.are(&[1, 3], &[0, 3]) && !kept.are(&[1], &[0, 3]) && !kept.are(&[2], &[1]));
        assert!(!kept.all && Kept::between(&before, &before.clone()).all);
        assert!(!Kept::between(&before[..3], &before).all, "one is gone");
    }

    #[test]
    fn lists_in_no_order_are_the_same_at_most_where_they_are() {
        let before = ["d", "a", "c"].map(rule);
        let now = [before[1].clone(), before[0].clone(), before[2].clone()];
        let kept = Kept::between(&now, &before);
        for (place, one) in now.iter().enumerate() {
            assert!(kept.at(place).is_none_or(|at| one.is_same(&before[at])));
        }
    }
}
