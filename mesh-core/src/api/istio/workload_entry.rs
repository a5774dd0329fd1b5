//! `WorkloadEntry`: one endpoint that is no pod (SE-8).

use crate::api::message::message;
use crate::text_map::TextMap;

message! {
    /// An endpoint. Also written inline in a ServiceEntry.
    pub struct WorkloadEntry {
        /// IP address, DNS name or `unix://` path.
        supported address: String,
        /// Port by the name of the service's port.
        supported ports: TextMap<u32>,
        /// Labels, for subsets and selectors.
        supported labels: TextMap<String>,
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
