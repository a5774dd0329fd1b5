//! Pods, and the kinds that make them, come down to one type.

use super::{Reader, Written};
use crate::api::at::At;
use crate::api::kubernetes::{Pod, PodController, PodTemplate, Workload};
use crate::diagnostic::Diagnostics;

impl Reader {
    pub(super) fn pod(&mut self, doc: &Written<'_>) {
        let mut found = Diagnostics::new();
        let meta = Self::metadata(doc, self.strictness, &mut found);
        let pod = self.decode::<Pod>(doc, "", doc.node, &mut found);
        let proxy_config = self.pod_proxy_config(doc, "metadata");
        let workload = pod.map(|pod| Workload { proxy_config, ..Workload::from_pod(doc.kind.name, pod) });
        self.finish(doc, meta, workload, found, |out| &mut out.workloads);
    }

    pub(super) fn pod_controller(&mut self, doc: &Written<'_>) {
        let mut found = Diagnostics::new();
        let meta = Self::metadata(doc, self.strictness, &mut found);
        let controller = self.decode::<PodController>(doc, "", doc.node, &mut found);
        let proxy_config = self.pod_proxy_config(
            doc,
            match doc.kind.name {
                "CronJob" => "spec.jobTemplate.spec.template.metadata",
                _ => "spec.template.metadata",
            },
        );
        let workload = controller.map(|controller| Workload {
            proxy_config,
            ..Workload::from_controller(doc.kind.name, controller)
        });
        self.finish(doc, meta, workload, found, |out| &mut out.workloads);
    }
}

impl Workload {
    fn from_pod(kind: &str, pod: Pod) -> Self {
        let template = PodTemplate { at: At::default(), metadata: pod.metadata, spec: pod.spec };
        Self { kind: kind.into(), template, pod_ip: pod.status.pod_ip, ..Self::default() }
    }

    fn from_controller(kind: &str, controller: PodController) -> Self {
        let spec = controller.spec;
        let template = if kind == "CronJob" { spec.job_template.spec.template } else { spec.template };
        Self { kind: kind.into(), selector: spec.selector.match_labels, template, ..Self::default() }
    }
}
