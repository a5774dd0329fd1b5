//! `WorkloadGroup`: its probe (HC-3).

use std::net::IpAddr;

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};

use super::{Check, Validate};
use crate::analysis::Code;
use crate::api::istio::{HttpHealthCheckConfig, ReadinessProbe, WorkloadGroup};
use crate::api::{At, Metadata};

impl Validate for WorkloadGroup {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        if self.template.is_none() {
            check.error(self.at.origin(), "`template` is needed");
        }
        let labels = self.metadata.iter().map(|metadata| (&metadata.labels, &metadata.at));
        for (labels, at) in labels.chain(self.template.iter().map(|entry| (&entry.labels, &entry.at))) {
            if labels.contains_key("") {
                check.error(at.field("labels"), "a label has a name");
            }
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
        if exec.command.first().is_none_or(String::is_empty) {
            check.error_hint(exec.at.origin(), "`command` names no program", "such as [/bin/ready, --quiet]");
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
    let is_path = http.path.starts_with('/') && PathAndQuery::try_from(http.path.as_str()).is_ok();
    if !http.path.is_empty() && !is_path {
        check.error(at.field("path"), format!("`{}` is not a path", http.path));
    }
    let known = ["", "HTTP", "HTTPS"].iter().any(|known| http.scheme.eq_ignore_ascii_case(known));
    if !known {
        check.error_hint(at.field("scheme"), format!("`{}` is not a scheme", http.scheme), "HTTP or HTTPS");
    }
    for header in &http.http_headers {
        if HeaderName::try_from(header.name.as_str()).is_err() {
            check.error(header.at.field("name"), format!("`{}` is not the name of a header", header.name));
        }
        if HeaderValue::try_from(header.value.as_str()).is_err() {
            check.error(header.at.field("value"), "not the value of a header");
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
