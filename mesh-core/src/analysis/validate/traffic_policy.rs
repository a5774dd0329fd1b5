//! The blocks of a traffic policy (OD, TL, LB), and destinations.

use super::{Check, consistent_hash, hosts, locality, text};
use crate::analysis::blocks;
use crate::api::istio::{
    ClientTlsMode, ClientTlsSettings, Destination, LoadBalancerSettings, OutlierDetection, SimpleLb,
};
use crate::diagnostic::Code;

/// VA-1.
pub(super) fn destination(to: &Destination, check: &mut Check<'_>) {
    if to.host == "*" {
        check.error(to.at.field("host"), "a destination must be one host");
    } else {
        hosts::host(check, to.at.field("host"), &to.host);
    }
    subset_and_port(to, check);
}

pub(super) fn subset_and_port(to: &Destination, check: &mut Check<'_>) {
    if !to.subset.is_empty() && !text::is_label(&to.subset) {
        check.error(to.at.field("subset"), format!("`{}` is not a DNS-1123 label", to.subset));
    }
    if let Some(port) = &to.port {
        check.port(&port.at, "number", port.number);
    }
}

/// TL-2.
pub(super) fn client_tls(tls: &ClientTlsSettings, check: &mut Check<'_>) {
    let at = &tls.at;
    let by_name = !tls.credential_name.is_empty();
    let verifies = !tls.ca_certificates.is_empty() || !tls.subject_alt_names.is_empty();
    let originates = matches!(tls.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual);
    if originates && tls.insecure_skip_verify == Some(true) && verifies {
        let message = "excludes `caCertificates` and `subjectAltNames`: nothing would be verified by them";
        check.error(at.field("insecureSkipVerify"), message);
    }
    if originates && by_name {
        for (field, path) in [
            ("clientCertificate", &tls.client_certificate),
            ("privateKey", &tls.private_key),
            ("caCertificates", &tls.ca_certificates),
        ] {
            if !path.is_empty() {
                check.error(at.field(field), "excludes `credentialName`");
            }
        }
    }
    let certificate = !tls.client_certificate.is_empty() && !tls.private_key.is_empty();
    match tls.mode {
        ClientTlsMode::Mutual if !certificate && !by_name => {
            check
                .error(at.origin(), "MUTUAL needs `clientCertificate` and `privateKey`, or `credentialName`");
        }
        ClientTlsMode::IstioMutual => {
            for (field, value) in [
                ("clientCertificate", &tls.client_certificate),
                ("privateKey", &tls.private_key),
                ("caCertificates", &tls.ca_certificates),
                ("credentialName", &tls.credential_name),
            ] {
                if !value.is_empty() {
                    check.error(at.field(field), "ISTIO_MUTUAL uses the certificates of the mesh");
                }
            }
        }
        ClientTlsMode::Disable | ClientTlsMode::Simple | ClientTlsMode::Mutual => {}
    }
}

/// LB-6 to LB-8, LB-12, LB-15.
pub(super) fn load_balancer(balancer: &LoadBalancerSettings, check: &mut Check<'_>) {
    if let Some(hash) = &balancer.consistent_hash {
        consistent_hash::consistent_hash(hash, check);
    }
    if let Some(setting) = &balancer.locality_lb_setting {
        locality::setting(setting, check);
        if balancer.zone_aware_lb_setting.is_some() {
            check.error(setting.at.origin(), "excludes `zoneAwareLbSetting`");
        }
    }
    check.duration_from_1ms(&balancer.at, "warmupDurationSecs", balancer.warmup_duration_secs);
    if balancer.warmup.is_some() && balancer.warmup_duration_secs.is_some() {
        let origin = balancer.at.field("warmupDurationSecs");
        check.note(Code::SchemaWarning, origin, "`warmup` stands in its place");
    }
    let by_weight = balancer.consistent_hash.is_none()
        && !matches!(balancer.simple, Some(SimpleLb::Random | SimpleLb::Passthrough));
    for (field, written) in [
        ("warmup", balancer.warmup.is_some()),
        ("warmupDurationSecs", balancer.warmup_duration_secs.is_some()),
    ] {
        if written && !by_weight {
            let message = "only ROUND_ROBIN and LEAST_REQUEST warm endpoints up";
            check.note(Code::SchemaWarning, balancer.at.field(field), message);
        }
    }
    if let Some(warmup) = &balancer.warmup {
        check.refused(blocks::warm_up(warmup));
    }
}

/// OD-6, reported where it is certain from the block alone.
pub(super) fn never_ejects(outlier: &OutlierDetection, check: &mut Check<'_>) {
    let off = outlier.consecutive_5xx_errors == Some(0)
        && outlier.consecutive_gateway_errors.unwrap_or(0) == 0
        && !outlier.split_external_local_origin_errors;
    if off || outlier.max_ejection_percent == Some(0) {
        let field = if off { "consecutive5xxErrors" } else { "maxEjectionPercent" };
        check.note(
            Code::OutlierDetectionNeverEjects,
            outlier.at.field(field),
            "with this no endpoint is ever ejected",
        );
    }
}
