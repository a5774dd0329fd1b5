//! HAProxy, as Debian packages it, with one thread.

use std::path::PathBuf;

use anyhow::Context as _;
use mesh_benches::process::{Process, find_program, first_line};

use crate::peer::{Peer, Place};
use crate::scenario::{ERRORS_TO_EJECT, REQUEST_LIMIT, RETRIES};

/// The installed executable.
#[derive(Debug)]
pub(super) struct Haproxy {
    program: PathBuf,
    version: String,
}

impl Haproxy {
    pub(super) async fn find() -> anyhow::Result<Self> {
        let program =
            find_program("haproxy").context("no haproxy in the search path (apt-get install haproxy)")?;
        let version = first_line(&program, "-v").await?;
        Ok(Self { program, version })
    }
}

impl Peer for Haproxy {
    fn version(&self) -> String {
        self.version.clone()
    }

    fn start(&self, place: &Place<'_>) -> anyhow::Result<Process> {
        let file = place.folder.join("haproxy.cfg");
        std::fs::write(&file, configuration(place))?;
        Process::start(&self.program, ["-db".as_ref(), "-f".as_ref(), file.as_os_str()], place.folder)
    }

    // It cannot log to a file by itself: its output is its log.
    fn access_log(&self, place: &Place<'_>) -> PathBuf {
        place.folder.join("stdout.log")
    }
}

fn configuration(place: &Place<'_>) -> String {
    let (listen, backend) = (place.listen, place.backend);
    let proto = if place.scenario.is_http2() { " proto h2" } else { "" };
    let mesh = place.scenario.has_mesh_features();
    let (log, front, back, server) = if mesh { features() } else { Default::default() };
    format!(
        "global
    nbthread 1
    maxconn 8192
{log}
defaults
    mode http
    timeout connect 5s
    timeout client 120s
    timeout server 120s
    http-reuse always

frontend entry
    bind {listen}{proto}
{front}    default_backend service

backend service
{back}    server endpoint {backend}{proto}{server}
"
    )
}

/// Lines for the global section, the frontend and the backend, and words for the server.
fn features() -> (String, String, String, String) {
    let fields = [
        ("start_time", "\"%[date,utime(%Y-%m-%dT%H:%M:%SZ)]\""),
        ("route_name", "\"%b\""),
        ("method", "\"%HM\""),
        ("path", "\"%[capture.req.uri,json]\""),
        ("protocol", "\"%HV\""),
        ("response_code", "%ST"),
        ("response_flags", "\"%tsc\""),
        ("bytes_received", "%U"),
        ("bytes_sent", "%B"),
        ("duration", "%Ta"),
        ("upstream_service_time", "%Tr"),
        ("x_forwarded_for", "\"%[capture.req.hdr(0),json]\""),
        ("user_agent", "\"%[capture.req.hdr(1),json]\""),
        ("request_id", "\"%ID\""),
        ("authority", "\"%[capture.req.hdr(2),json]\""),
        ("upstream_host", "\"%si:%sp\""),
        ("upstream_cluster", "\"%b/%s\""),
        ("upstream_local_address", "\"%bi:%bp\""),
        ("downstream_local_address", "\"%fi:%fp\""),
        ("downstream_remote_address", "\"%ci:%cp\""),
    ];
    let members: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let format = members.join(",");
    let front = format!(
        "    log global
    log-format '{{{format}}}'
    unique-id-format %[uuid]
    unique-id-header x-request-id
    capture request header x-forwarded-for len 64
    capture request header user-agent len 128
    capture request header host len 128
    option forwardfor
"
    );
    let back = format!(
        "    retries {RETRIES}
    retry-on conn-failure empty-response 503
    option redispatch
"
    );
    let server = format!(
        " maxconn {REQUEST_LIMIT} check inter 10s observe layer7 error-limit {ERRORS_TO_EJECT} on-error mark-down"
    );
    ("    log stdout len 4096 format raw local0".to_owned(), front, back, server)
}
