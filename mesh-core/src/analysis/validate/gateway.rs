//! `Gateway` (GW).

use std::collections::HashSet;

use super::sidecar::full_host;
use super::workload_entry::unix_path;
use super::{Check, Validate, names, text};
use crate::api::Metadata;
use crate::api::istio::{Gateway, Server, ServerPort, ServerTlsMode, ServerTlsSettings, TlsProtocol};
use crate::diagnostic::Code;

impl Validate for Gateway {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        if self.servers.is_empty() {
            check.error(self.at.origin(), "at least one server is needed");
        }
        let mut names = HashSet::new();
        for server in &self.servers {
            self::server(server, check);
            let port = server.port.as_ref().filter(|port| !port.name.is_empty());
            if let Some(port) = port.filter(|port| !names.insert(&port.name)) {
                check.error(port.at.field("name"), format!("the port name `{}` is written twice", port.name));
            }
        }
    }
}

fn server(server: &Server, check: &mut Check<'_>) {
    if server.hosts.is_empty() {
        check.error(server.at.origin(), "a server needs at least one host");
    }
    for (index, text) in server.hosts.iter().enumerate() {
        host(server, index, text, check);
    }
    let Some(port) = &server.port else {
        check.error(server.at.origin(), "a server needs a `port`");
        return;
    };
    self::port(port, server, check);
    match &server.tls {
        Some(tls) => self::tls(tls, port, server, check),
        None if names::is_tls(&port.protocol) => {
            let message = format!("a server of protocol {} needs `tls`", port.protocol);
            check.error(server.at.origin(), message);
        }
        None => {}
    }
}

/// GW-2.
fn host(server: &Server, index: usize, text: &str, check: &mut Check<'_>) {
    let place = || server.at.item("hosts", index);
    let (namespace, name) = text.split_once('/').unwrap_or(("*", text));
    if namespace != "*" && namespace != "." && !text::is_label(namespace) {
        check.error(place(), format!("`{namespace}` is neither a namespace nor `.` or `*`"));
    }
    // An IPv4 address is legal: it is what a client without a name asks for.
    if !text::is_ip(name) || !name.contains('.') {
        full_host(place(), name, check);
    }
}

/// GW-1.
fn port(port: &ServerPort, server: &Server, check: &mut Check<'_>) {
    let at = &port.at;
    if server.bind.starts_with("unix://") {
        unix_path(server.at.field("bind"), &server.bind, check);
        if port.number != 0 {
            check.error(at.field("number"), "a unix socket has port 0");
        }
    } else {
        check.port(at, "number", port.number);
        if !server.bind.is_empty() && !text::is_ip(&server.bind) {
            check.error(server.at.field("bind"), format!("`{}` is not an address", server.bind));
        }
    }
    if port.target_port.is_some_and(|target| target != 0) {
        check.error(at.field("targetPort"), "a gateway's port has no target port");
    }
    if port.name.is_empty() {
        check.error(at.origin(), "a gateway's port needs a `name`");
    }
    let protocol = port.protocol.as_str();
    if !names::is_protocol(protocol) {
        let hint = "one of HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TLS, TCP, MONGO, REDIS, MYSQL";
        let message = if protocol.is_empty() {
            "`protocol` is needed".to_owned()
        } else {
            format!("`{protocol}` is not a protocol of a gateway")
        };
        check.error_hint(at.field("protocol"), message, hint);
    } else if (!names::is_http(protocol) && !protocol.eq_ignore_ascii_case("https"))
        || protocol.eq_ignore_ascii_case("http_proxy")
    {
        let message = format!("a server of protocol {protocol} is not implemented");
        check.not_implemented(at.field("protocol"), message, "HTTP, HTTP2, GRPC and HTTPS are");
    }
}

/// GW-3 to GW-8.
fn tls(tls: &ServerTlsSettings, port: &ServerPort, server: &Server, check: &mut Check<'_>) {
    let at = &tls.at;
    let terminates = names::is_tls(&port.protocol);
    if !terminates {
        let mode = at.is_written("mode") || tls.mode != ServerTlsMode::Passthrough;
        let files = [&tls.server_certificate, &tls.private_key, &tls.ca_certificates];
        if !names::is_http(&port.protocol) {
            check.error(server.at.field("tls"), format!("a server of protocol {} has no TLS", port.protocol));
        } else if mode || files.iter().any(|file| !file.is_empty()) {
            check.error_hint(
                server.at.field("tls"),
                format!("a server of protocol {} has no TLS", port.protocol),
                "set the protocol HTTPS, or only `httpsRedirect: true`",
            );
        }
        return;
    }
    if tls.https_redirect {
        check.note(Code::SchemaWarning, at.field("httpsRedirect"), "has an effect on plaintext servers only");
    }
    // PASSTHROUGH is what an absent mode means, and the decoder sees only what is written.
    if !at.is_written("mode") && tls.mode == ServerTlsMode::Passthrough {
        let message = "the mode PASSTHROUGH (the default) is not implemented";
        check.not_implemented(at.origin(), message, "set `mode: SIMPLE`");
    }
    let files = [&tls.server_certificate, &tls.private_key].iter().filter(|path| !path.is_empty()).count();
    if tls.mode == ServerTlsMode::Simple {
        match (files, tls.credential_name.is_empty()) {
            (0, true) => {
                check.error(
                    at.origin(),
                    "SIMPLE needs `credentialName`, or `serverCertificate` and `privateKey`",
                );
            }
            (1, true) => check.error(at.origin(), "`serverCertificate` and `privateKey` belong together"),
            (2, false) => check.error(at.field("credentialName"), "excludes certificate files"),
            _ => {}
        }
    }
    let order = |version: TlsProtocol| match version {
        TlsProtocol::Auto => None,
        TlsProtocol::V1_0 => Some(0),
        TlsProtocol::V1_1 => Some(1),
        TlsProtocol::V1_2 => Some(2),
        TlsProtocol::V1_3 => Some(3),
    };
    if let (Some(min), Some(max)) = (order(tls.min_protocol_version), order(tls.max_protocol_version))
        && min > max
    {
        check.error(at.field("minProtocolVersion"), "is above `maxProtocolVersion`");
    }
}
