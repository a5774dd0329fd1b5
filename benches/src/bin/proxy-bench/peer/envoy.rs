//! Envoy, from the Python package that carries its executable, with one worker.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use mesh_benches::envoy::{PACKAGE, default_venv, executable_below};
use mesh_benches::process::{Process, complete, first_line};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::cli::Options;
use crate::peer::{Peer, Place};
use crate::scenario::{ERRORS_TO_EJECT, HOST, REQUEST_LIMIT, RETRIES};

/// The package is some hundred megabytes.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// The executable inside the virtual environment.
#[derive(Debug)]
pub(super) struct Envoy {
    program: PathBuf,
    version: String,
}

impl Envoy {
    pub(super) async fn find(options: &Options) -> anyhow::Result<Self> {
        let venv = match &options.venv {
            Some(venv) => venv.clone(),
            None => default_venv()?,
        };
        let found = executable_below(&venv);
        if found.is_none() && options.install {
            install(&venv).await?;
        }
        let program = found.or_else(|| executable_below(&venv));
        let program =
            program.with_context(|| format!("not in {} (--install puts it there)", venv.display()))?;
        let version = first_line(&program, "--version").await?;
        Ok(Self { program, version })
    }
}

impl Peer for Envoy {
    fn version(&self) -> String {
        // "…/envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL"
        let number = self
            .version
            .split('/')
            .find(|part| part.starts_with(|first: char| first.is_ascii_digit()) && part.contains('.'));
        format!("Envoy {}", number.unwrap_or(&self.version))
    }

    fn start(&self, place: &Place<'_>) -> anyhow::Result<Process> {
        let file = place.folder.join("envoy.json");
        std::fs::write(&file, bootstrap(place, &self.access_log(place)).to_string())?;
        let arguments =
            ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warn", "--config-path"];
        let arguments = arguments.iter().map(AsRef::as_ref).chain([file.as_os_str()]);
        Process::start(&self.program, arguments, place.folder)
    }
}

async fn install(venv: &Path) -> anyhow::Result<()> {
    eprintln!("installing {PACKAGE} in {}", venv.display());
    let mut create = Command::new("python3");
    create.args(["-m", "venv"]).arg(venv);
    complete(create, INSTALL_LIMIT).await?;
    let mut fill = Command::new(venv.join("bin/pip"));
    fill.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]);
    complete(fill, INSTALL_LIMIT).await?;
    Ok(())
}

fn bootstrap(place: &Place<'_>, access_log: &Path) -> Value {
    let mesh = place.scenario.has_mesh_features();
    let mut route = json!({ "cluster": "service", "timeout": "0s" });
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "entry",
        "codec_type": if place.scenario.is_http2() { "HTTP2" } else { "HTTP1" },
        "generate_request_id": mesh,
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }],
    });
    let mut cluster = json!({
        "name": "service",
        "type": "STATIC",
        "connect_timeout": "5s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {
            "cluster_name": "service",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(place.backend) } }] }],
        },
    });
    if mesh {
        route["retry_policy"] = json!({
            "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
            "retriable_status_codes": [503],
            "num_retries": RETRIES,
        });
        manager["use_remote_address"] = json!(true);
        manager["access_log"] = json!([log(access_log)]);
        cluster["outlier_detection"] =
            json!({ "consecutive_5xx": ERRORS_TO_EJECT, "max_ejection_percent": 50 });
        cluster["circuit_breakers"] =
            json!({ "thresholds": [{ "max_requests": REQUEST_LIMIT, "max_connections": REQUEST_LIMIT }] });
    }
    if place.scenario.is_http2() {
        cluster["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        });
    }
    manager["route_config"] = json!({
        "virtual_hosts": [{
            "name": "service",
            "domains": [HOST],
            "routes": [{ "match": { "prefix": "/" }, "route": route }],
        }],
    });
    let filter = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager });
    json!({
        "static_resources": {
            "listeners": [{
                "name": "entry",
                "address": address(place.listen),
                "filter_chains": [{ "filters": [filter] }],
            }],
            "clusters": [cluster],
        },
    })
}

fn address(address: std::net::SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

/// Istio's default JSON format.
fn log(file: &Path) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": file,
            "log_format": { "json_format": {
                "start_time": "%START_TIME%",
                "route_name": "%ROUTE_NAME%",
                "method": "%REQ(:METHOD)%",
                "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
                "protocol": "%PROTOCOL%",
                "response_code": "%RESPONSE_CODE%",
                "response_flags": "%RESPONSE_FLAGS%",
                "response_code_details": "%RESPONSE_CODE_DETAILS%",
                "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
                "bytes_received": "%BYTES_RECEIVED%",
                "bytes_sent": "%BYTES_SENT%",
                "duration": "%DURATION%",
                "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
                "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
                "user_agent": "%REQ(USER-AGENT)%",
                "request_id": "%REQ(X-REQUEST-ID)%",
                "authority": "%REQ(:AUTHORITY)%",
                "upstream_host": "%UPSTREAM_HOST%",
                "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
                "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
                "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
                "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
                "requested_server_name": "%REQUESTED_SERVER_NAME%",
                "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
            } },
        },
    })
}
