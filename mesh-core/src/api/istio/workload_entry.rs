//! `WorkloadEntry`: one endpoint that is no pod (SE-8).

use std::collections::BTreeMap;

use crate::api::message::message;

message! {
    /// An endpoint. Also written inline in a ServiceEntry.
    pub struct WorkloadEntry {
        /// IP address, DNS name or `unix://` path.
        supported address: String,
        /// Port by the name of the service's port.
        supported ports: BTreeMap<String, u32>,
        /// Labels, for subsets and selectors.
        supported labels: BTreeMap<String, String>,
        /// Network that it is on.
        supported network: String,
        /// `region/zone/subzone`.
        supported locality: String,
        /// Share of traffic; unset is 1.
        supported weight: u32,
        /// Account it runs under.
        supported service_account: String,
    }
}
