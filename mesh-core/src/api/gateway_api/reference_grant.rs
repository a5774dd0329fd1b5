//! `ReferenceGrant`: who of another namespace may refer to ours (GA-6).

use crate::api::message::message;

message! {
    /// Lets resources of other namespaces refer to resources of this one.
    pub struct ReferenceGrant {
        /// Who may refer.
        supported from: Vec<ReferenceGrantFrom>,
        /// To what.
        supported to: Vec<ReferenceGrantTo>,
    }
}

message! {
    /// Resources that may refer.
    pub struct ReferenceGrantFrom {
        /// Their group.
        supported group: String,
        /// Their kind.
        supported kind: String,
        /// Their namespace.
        supported namespace: String,
    }
}

message! {
    /// Resources that may be referred to.
    pub struct ReferenceGrantTo {
        /// Their group; empty for the core of Kubernetes.
        supported group: String,
        /// Their kind.
        supported kind: String,
        /// One of them; all unless written.
        supported name: Option<String>,
    }
}
