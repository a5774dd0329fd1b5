//! `Deployment`, `Pod` and their relatives: who a workload is (SE-3, MC-4).
//!
//! All of them come down to a pod template, so they are read into one type.

use crate::api::istio::ProxyConfig;
use crate::api::message::message;
use crate::text_map::TextMap;

/// A document that describes pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `ReplicaSet`, `Job`, `CronJob` or `Pod`.
    pub kind: String,
    /// Labels that a Deployment's pods are found by.
    pub selector: TextMap<String>,
    /// The pods; a Pod's own metadata and spec.
    pub template: PodTemplate,
    /// A Pod's address, if it has one.
    pub pod_ip: Option<String>,
    /// What the pods' annotation `proxy.istio.io/config` says (MC-3).
    pub proxy_config: Option<ProxyConfig>,
}

impl Workload {
    /// The kinds that are read as one.
    pub const KINDS: [&'static str; 7] =
        ["Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"];
}

message! {
    /// What every pod of a workload is like.
    pub struct PodTemplate [open] {
        /// Its labels and annotations.
        supported metadata: PodMetadata,
        /// What runs in it.
        supported spec: PodSpec,
    }
}

message! {
    /// Labels and annotations of pods.
    pub struct PodMetadata [open] {
        /// Labels.
        supported labels: TextMap<String>,
        /// Annotations.
        supported annotations: TextMap<String>,
    }
}

message! {
    /// What runs in a pod.
    pub struct PodSpec [open] {
        /// Account it runs under.
        supported service_account_name: String,
        /// The same by its old name.
        supported service_account: String,
        /// Its node.
        supported node_name: String,
        /// Its containers.
        supported containers: Vec<Container>,
    }
}

message! {
    /// A container.
    pub struct Container [open] {
        /// Its ports.
        supported ports: Vec<ContainerPort>,
    }
}

message! {
    /// A port of a container.
    pub struct ContainerPort [open] {
        /// Its name.
        supported name: String,
        /// Its number.
        supported container_port: u32,
    }
}

message! {
    /// A document of a Deployment, StatefulSet, DaemonSet, ReplicaSet or Job, from its root.
    pub struct PodController [open] {
        /// What it wants.
        supported spec: PodControllerSpec,
    }
}

message! {
    /// What a Deployment or one of its relatives wants.
    pub struct PodControllerSpec [open] {
        /// Which pods are its own.
        supported selector: PodSelector,
        /// What they are like.
        supported template: PodTemplate,
        /// A CronJob's Job.
        supported job_template: JobTemplate,
    }
}

message! {
    /// Which pods are a Deployment's own.
    pub struct PodSelector [open] {
        /// Labels that they have.
        supported match_labels: TextMap<String>,
    }
}

message! {
    /// The Job that a CronJob makes.
    pub struct JobTemplate [open] {
        /// What it wants.
        supported spec: JobSpec,
    }
}

message! {
    /// What a Job wants.
    pub struct JobSpec [open] {
        /// What its pods are like.
        supported template: PodTemplate,
    }
}

message! {
    /// A document of a Pod, from its root.
    pub struct Pod [open] {
        /// Its labels and annotations.
        supported metadata: PodMetadata,
        /// What runs in it.
        supported spec: PodSpec,
        /// How it is.
        supported status: PodStatus,
    }
}

message! {
    /// How a Pod is.
    pub struct PodStatus [open] {
        /// Its address.
        supported pod_ip as "podIP": Option<String>,
    }
}
