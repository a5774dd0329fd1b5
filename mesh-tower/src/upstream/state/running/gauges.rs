//! The gauges of a cluster (ME-7).

use mesh_core::circuit::Resource;
use mesh_core::health::State as Health;
use metrics::gauge;

use super::Cluster;

impl Cluster {
    /// Sets the gauges of ME-7 to the present values; called before metrics are rendered.
    ///
    /// A cluster that no request has used shows its membership and health alone: the rest would be zeros.
    pub fn publish(&self) {
        if let Some(following) = self.following() {
            following.publish();
        }
        let hosts = self.hosts.load();
        let set = |name: &'static str, value: f64| {
            gauge!(name, "cluster_name" => self.plan.name.clone()).set(value);
        };
        set("envoy_cluster_membership_total", hosts.set().members() as f64);
        set("envoy_cluster_membership_healthy", hosts.set().healthy() as f64);
        if self.plan.health.is_some() {
            let well = hosts.list().iter().filter(|host| host.health() == Health::Healthy).count();
            set("envoy_cluster_health_check_healthy", well as f64);
        }
        if self.stats.get().is_none() {
            return;
        }
        let ejected = hosts.list().iter().filter(|host| host.is_ejected()).count();
        set("envoy_cluster_outlier_detection_ejections_active", ejected as f64);
        set("envoy_cluster_upstream_rq_active", f64::from(self.limits.active(Resource::Requests)));
        set("envoy_cluster_upstream_rq_pending_active", f64::from(self.limits.active(Resource::Pending)));
        set("envoy_cluster_upstream_cx_active", f64::from(self.limits.active(Resource::Connections)));
        for resource in Resource::ALL {
            let open = self.limits.is_open(resource, &self.plan.circuit);
            set(resource.open_name(), f64::from(u8::from(open)));
        }
    }
}
