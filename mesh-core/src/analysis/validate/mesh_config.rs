//! `MeshConfig` (MC).

use super::proxy_config::proxy_config;
use super::{Check, Validate, locality, names};
use crate::analysis::blocks;
use crate::api::Metadata;
use crate::api::istio::MeshConfig;
use crate::circuit::CircuitPolicy;
use crate::retry::RetryPolicy;

impl Validate for MeshConfig {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        let at = &self.at;
        for (field, port) in [
            ("proxyListenPort", self.proxy_listen_port),
            ("proxyInboundListenPort", self.proxy_inbound_listen_port),
        ] {
            if let Some(port) = port.filter(|port| !(0..=65_535).contains(port)) {
                check.error(at.field(field), format!("a port is a number from 0 to 65535, not {port}"));
            }
        }
        check.duration(at, "connectTimeout", self.connect_timeout);
        check.duration(at, "dnsRefreshRate", self.dns_refresh_rate);
        check.duration_or_zero(at, "protocolDetectionTimeout", self.protocol_detection_timeout);
        if !self.root_namespace.is_empty() && !names::is_label(&self.root_namespace) {
            check.error(at.field("rootNamespace"), format!("`{}` is not a namespace", self.root_namespace));
        }
        let policies = [&self.default_http_retry_policy, &self.default_inbound_http_retry_policy];
        for policy in policies.into_iter().flatten() {
            check.refused(blocks::retry(policy, &RetryPolicy::default_policy()));
        }
        if let Some(policy) = &self.default_traffic_policy {
            if let Some(pool) = &policy.connection_pool {
                check.refused(blocks::pool(pool, CircuitPolicy::default()));
            }
            if let Some(outlier) = &policy.outlier_detection {
                check.refused(blocks::outlier(outlier));
            }
        }
        if let Some(setting) = &self.locality_lb_setting {
            locality::setting(setting, check);
        }
        if let Some(proxy) = &self.default_config {
            proxy_config(proxy, check);
        }
    }
}
