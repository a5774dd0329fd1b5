//! `WorkloadGroup`: its probe (HC-3).

use std::net::IpAddr;

use http::HeaderValue;

use super::{Check, Validate, workload_entry};
use crate::api::istio::{HttpHealthCheckConfig, ReadinessProbe, WorkloadGroup};
use crate::api::{At, Metadata};
use crate::diagnostic::Code;

impl Validate for WorkloadGroup {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        match &self.template {
            // Address and labels are each workload's own: Istio does not look at them here.
            Some(template) => workload_entry::sizes(template, check),
            None => check.error(self.at.origin(), "`template` is needed"),
        }
        if let Some(metadata) = &self.metadata {
            check.count(&metadata.at, "labels", metadata.labels.len(), 256);
            check.count(&metadata.at, "annotations", metadata.annotations.len(), 256);
            check.labels(&metadata.at, "labels", &metadata.labels);
        }
        if let Some(probe) = &self.probe {
            self::probe(probe, check);
        }
    }
}

fn probe(probe: &ReadinessProbe, check: &mut Check<'_>) {
    let at = &probe.at;
    for (field, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        check.not_negative(at, field, value);
    }
    if let Some(http) = &probe.http_get {
        self::http(http, check);
    } else if let Some(tcp) = &probe.tcp_socket {
        check.port(&tcp.at, "port", tcp.port);
        host(&tcp.at, &tcp.host, check);
    } else if let Some(exec) = &probe.exec {
        if exec.command.is_empty() {
            check.error_hint(exec.at.origin(), "`command` names no program", "such as [/bin/ready, --quiet]");
        }
        for (index, _) in exec.command.iter().enumerate().filter(|(_, word)| word.is_empty()) {
            check.error(exec.at.item("command", index), "an argument must not be empty");
        }
    } else if let Some(grpc) = &probe.grpc {
        check.port(&grpc.at, "port", grpc.port);
    } else {
        check.error(at.origin(), "one of `httpGet`, `tcpSocket`, `exec` and `grpc` is needed");
    }
}

fn http(http: &HttpHealthCheckConfig, check: &mut Check<'_>) {
    let at = &http.at;
    check.port(at, "port", http.port);
    host(at, &http.host, check);
    if !["", "HTTP", "HTTPS"].contains(&http.scheme.as_str()) {
        check.error_hint(at.field("scheme"), format!("`{}` is not a scheme", http.scheme), "HTTP or HTTPS");
    }
    for header in &http.http_headers {
        let name = header.name.as_bytes();
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
            let message = format!("`{}` is not the name of a header that a probe may have", header.name);
            check.error_hint(header.at.field("name"), message, "letters, digits and hyphens");
        }
        if HeaderValue::try_from(header.value.as_str()).is_err() {
            let message = "this is not the value of a header: the probe is sent without it";
            check.note(Code::SchemaWarning, header.at.field("value"), message);
        }
    }
}

/// The workload is asked where it runs: names are not resolved for it.
fn host(at: &At, host: &str, check: &mut Check<'_>) {
    if !host.is_empty() && host != "localhost" && host.parse::<IpAddr>().is_err() {
        let message = "a probe of a host by its name is not implemented";
        check.note(Code::NotImplemented, at.field("host"), message);
    }
}
