//! How our own workload tells that it is ready (HC-3).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderName, HeaderValue};

use crate::api::istio::{HttpHealthCheckConfig, ReadinessProbe};
use crate::health::{ReadinessCheck, ReadinessPolicy};
use crate::plan::compile::Compiler;
use crate::plan::compile::inputs::labels::workload_group;

impl Compiler<'_> {
    /// The probe of the group that we belong to.
    pub(crate) fn readiness(&self) -> Option<Arc<ReadinessPolicy>> {
        let group = workload_group(self.documents, &self.workload)?;
        let probe = group.spec.probe.as_ref()?;
        Some(Arc::new(ReadinessPolicy {
            check: self.readiness_check(probe)?,
            initial_delay: seconds(probe.initial_delay_seconds, 0),
            timeout: seconds(probe.timeout_seconds, 1),
            period: seconds(probe.period_seconds, 10),
            success_threshold: positive(probe.success_threshold, 1),
            failure_threshold: positive(probe.failure_threshold, 3),
            origin: group.locate(probe.at.origin()),
        }))
    }

    fn readiness_check(&self, probe: &ReadinessProbe) -> Option<ReadinessCheck> {
        if let Some(http) = &probe.http_get {
            return Some(self::http(http, self.own_address(&http.host, http.port)?));
        }
        if let Some(tcp) = &probe.tcp_socket {
            return Some(ReadinessCheck::Tcp(self.own_address(&tcp.host, tcp.port)?));
        }
        if let Some(exec) = &probe.exec {
            let (program, arguments) = exec.command.split_first()?;
            return Some(ReadinessCheck::Exec { program: program.clone(), arguments: arguments.to_vec() });
        }
        let grpc = probe.grpc.as_ref()?;
        Some(ReadinessCheck::Grpc {
            address: self.own_address("", grpc.port)?,
            service: grpc.service.as_str().into(),
        })
    }

    /// Where the workload listens at a port; where the proxy was told of another place, there.
    fn own_address(&self, host: &str, port: u32) -> Option<SocketAddr> {
        let port = u16::try_from(port).ok()?;
        if host.is_empty() {
            let told = self.options.applications.iter().find(|(of, _)| *of == Some(port));
            return Some(told.map_or((Ipv4Addr::LOCALHOST, port).into(), |(_, address)| *address));
        }
        let ip =
            if host == "localhost" { Ipv4Addr::LOCALHOST.into() } else { host.parse::<IpAddr>().ok()? };
        Some(SocketAddr::new(ip, port))
    }
}

fn http(http: &HttpHealthCheckConfig, address: SocketAddr) -> ReadinessCheck {
    let mut host = if http.host.is_empty() {
        Arc::from(format!("localhost:{}", http.port))
    } else {
        Arc::from(address.to_string())
    };
    let mut headers = Vec::new();
    for header in &http.http_headers {
        // What can't be a header was told.
        let pair = (HeaderName::try_from(&header.name), HeaderValue::try_from(&header.value));
        let (Ok(name), Ok(value)) = pair else { continue };
        if name == HOST {
            host = header.value.as_str().into();
        } else {
            headers.push((name, value));
        }
    }
    ReadinessCheck::Http {
        address,
        host,
        path: path(&http.path).into(),
        tls: http.scheme == "HTTPS",
        headers,
    }
}

/// Path and query of what is written as a path: any text is one, and a whole URL is asked for where the probe
/// goes.
fn path(written: &str) -> String {
    /// What no path and no query may have as it is.
    const ESCAPED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'<')
        .add(b'>')
        .add(b'\\')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    let written = written.split('#').next().unwrap_or_default();
    let path = match written.split_once("://") {
        Some((_, behind)) => behind.find('/').map_or("", |from| &behind[from..]),
        None => written,
    };
    let escaped = percent_encoding::utf8_percent_encode(path, ESCAPED).to_string();
    if escaped.starts_with('/') { escaped } else { format!("/{escaped}") }
}

fn seconds(written: i32, default: u64) -> Duration {
    Duration::from_secs(u64::try_from(written).ok().filter(|written| *written > 0).unwrap_or(default))
}

fn positive(written: i32, default: u32) -> u32 {
    u32::try_from(written).ok().filter(|written| *written > 0).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn hc_3_any_text_is_the_path_of_a_probe() {
        for (written, asked) in [
            ("", "/"),
            ("/health?full=1", "/health?full=1"),
            ("A", "/A"),
            ("?a", "/?a"),
            ("unix:///a/", "/a/"),
            ("http://a.test", "/"),
            ("/a b\n#c", "/a%20b%0A"),
            ("/ä", "/%C3%A4"),
        ] {
            assert_eq!(path(written), asked, "{written}");
        }
    }
}
