//! Labels: which workloads a selector is about, and which labels a group gives its workloads.

use crate::api::istio::WorkloadGroup;
use crate::api::kubernetes::Service;
use crate::api::{Documents, Resource};
use crate::identity::{Labels, Workload};

/// Whether `labels` has all of `wanted`.
pub(crate) fn has_labels(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Whether a Service is about pods of this namespace with these labels.
pub(crate) fn selects(service: &Resource<Service>, namespace: &str, labels: &Labels) -> bool {
    let selector = &service.spec.selector;
    service.meta.namespace == namespace && !selector.is_empty() && has_labels(labels, selector)
}

/// The group that a workload belongs to: the one of its name, else the oldest whose labels it has.
pub(crate) fn workload_group<'d>(
    documents: &'d Documents,
    workload: &Workload,
) -> Option<&'d Resource<WorkloadGroup>> {
    let groups =
        || documents.workload_groups.iter().filter(|group| group.meta.namespace == workload.namespace);
    let fits = |group: &&Resource<WorkloadGroup>| {
        let labels = of_group(&group.spec);
        !labels.is_empty() && has_labels(&workload.labels, &labels)
    };
    groups().find(|group| group.meta.name == workload.name).or_else(|| groups().find(fits))
}

/// The labels of each workload of a group; the template has the last word.
pub(crate) fn of_group(group: &WorkloadGroup) -> Labels {
    let of_group = group.metadata.iter().flat_map(|metadata| &metadata.labels);
    let of_template = group.template.iter().flat_map(|template| &template.labels);
    of_group.chain(of_template).map(|(key, value)| (key.clone(), value.clone())).collect()
}
