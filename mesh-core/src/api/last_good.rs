//! What stays in force when a new version is broken (Y-12).

use std::collections::HashSet;

use super::documents::Documents;
use super::resource::Resource;
use crate::analysis::Diagnostics;

impl Documents {
    /// These documents, completed by the last good versions of those that were dropped.
    ///
    /// `findings` are those of reading these documents. A resource that a finding of level Error
    /// names, and that is missing here, is taken from `earlier`; so is every resource of a file that
    /// could not be read as far as a resource's name. What was simply deleted stays deleted.
    #[must_use]
    pub fn keep_last_good(mut self, earlier: &Self, findings: &Diagnostics) -> Self {
        let mut broken = Broken::default();
        for finding in findings.iter().filter(|finding| finding.is_error()) {
            if finding.origin.resource.is_empty() {
                broken.files.insert(&finding.origin.file);
            } else {
                broken.resources.insert(&finding.origin.resource);
            }
        }
        if broken.files.is_empty() && broken.resources.is_empty() {
            return self;
        }
        broken.restore(&mut self.services, &earlier.services);
        broken.restore(&mut self.endpoint_slices, &earlier.endpoint_slices);
        broken.restore(&mut self.endpoints, &earlier.endpoints);
        broken.restore(&mut self.workloads, &earlier.workloads);
        broken.restore(&mut self.secrets, &earlier.secrets);
        broken.restore(&mut self.config_maps, &earlier.config_maps);
        broken.restore(&mut self.namespaces, &earlier.namespaces);
        broken.restore(&mut self.service_entries, &earlier.service_entries);
        broken.restore(&mut self.workload_entries, &earlier.workload_entries);
        broken.restore(&mut self.virtual_services, &earlier.virtual_services);
        broken.restore(&mut self.destination_rules, &earlier.destination_rules);
        broken.restore(&mut self.gateways, &earlier.gateways);
        broken.restore(&mut self.sidecars, &earlier.sidecars);
        if self.mesh_config.is_none() {
            self.mesh_config = earlier.mesh_config.clone().filter(|config| broken.took(config));
        }
        self.sort();
        self
    }
}

#[derive(Default)]
struct Broken<'a> {
    files: HashSet<&'a str>,
    resources: HashSet<&'a str>,
}

impl Broken<'_> {
    fn took<T>(&self, resource: &Resource<T>) -> bool {
        self.files.contains(&*resource.source.file) || self.resources.contains(&*resource.source.resource)
    }

    fn restore<T: Clone>(&self, now: &mut Vec<Resource<T>>, earlier: &[Resource<T>]) {
        let lost = |resource: &&Resource<T>| {
            self.took(resource)
                && !now.iter().any(|present| {
                    present.meta.name == resource.meta.name
                        && present.meta.namespace == resource.meta.namespace
                })
        };
        let restored: Vec<_> = earlier.iter().filter(lost).cloned().collect();
        now.extend(restored);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  http: [{timeout: 5s, route: [{destination: {host: a}}]}]
";

    fn parse(text: &str) -> (Documents, Diagnostics) {
        Documents::parse([("mesh/a.yaml", text)])
    }

    #[test]
    fn y_12_a_broken_resource_keeps_its_last_good_version() {
        let (good, findings) = parse(GOOD);
        assert!(!findings.has_errors(), "{findings}");
        let (broken, findings) = parse(&GOOD.replace("timeout: 5s", "timeout: soon"));
        assert!(broken.virtual_services.is_empty());
        let kept = broken.keep_last_good(&good, &findings);
        assert_eq!(kept.virtual_services, good.virtual_services);
        assert_eq!(kept.services.len(), 1);
    }

    #[test]
    fn y_12_a_file_that_is_no_yaml_keeps_all_it_had() {
        let (good, _) = parse(GOOD);
        let (broken, findings) = parse("a: [\n");
        assert_eq!(broken.keep_last_good(&good, &findings), good);
    }

    #[test]
    fn y_12_what_was_deleted_is_gone() {
        let (good, _) = parse(GOOD);
        let (less, findings) = parse(GOOD.split("---").next().unwrap());
        assert!(less.keep_last_good(&good, &findings).virtual_services.is_empty());
    }
}
