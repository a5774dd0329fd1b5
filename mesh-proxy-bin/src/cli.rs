//! The command line.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use mesh_core::api::duration;
use mesh_core::headers::FieldLimit;
use mesh_core::plan::{complete_by_pod_info, workload_of_environment};

use crate::app::Proxy;
use crate::check::{self, Check};
use crate::drain::Shutdown;
use crate::logging;
use crate::settings::{App, Bind, Role, Settings};

/// The service mesh that you link, as a proxy for everything that isn't Rust.
///
/// It reads Istio's own YAML from a folder. Exit codes: 0 done or drained; 1 could not start; 2 wrong usage;
/// 79 `check` found something.
#[derive(Debug, Parser)]
#[command(name = "mesh-proxy", version, propagate_version = true)]
struct Cli {
    /// What to log, such as `info` or `warn,mesh_tower=debug`; POST /logging of the admin endpoint changes it.
    #[arg(long, global = true, env = "MESH_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves as a sidecar or gateway until SIGTERM, then drains.
    Run(Box<Run>),
    /// Reads a folder as `run` would, and prints what is wrong with it.
    #[command(visible_alias = "analyze")]
    Check(Check),
}

#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "these comments are the help text, shown as they are")]
struct Run {
    /// Folder of YAML files; changes are followed.
    #[arg(long, env = "MESH_CONFIG", value_name = "DIR")]
    config: PathBuf,
    /// The role of this proxy. Unset: a sidecar if a workload is named (by --workload or by Istio's environment
    /// variables), else a gateway if the files have a Gateway, else a sidecar.
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// The workload of this proxy: NAMESPACE/KIND/NAME of a document, such as default/Deployment/web. Unset: Istio's
    /// environment variables (POD_NAME, POD_NAMESPACE, …) and the files of --pod-info describe it.
    #[arg(long, env = "MESH_WORKLOAD", value_name = "NAME")]
    workload: Option<String>,
    /// Folder of the pod's downward API, whose files `labels` and `annotations` complete those variables.
    #[arg(long, env = "MESH_POD_INFO", value_name = "DIR", default_value = "/etc/istio/pod")]
    pod_info: PathBuf,
    /// The socket that serves a port of the configuration, such as 80=127.0.0.1:0 (0: a free port). A
    /// listener's name, such as 'inbound|5000', may stand for the port. One that no listener answers to is
    /// warned of: a reload may bring it. May be repeated.
    #[arg(long, value_name = "PORT=ADDR")]
    bind: Vec<Bind>,
    /// Where the application listens, instead of defaultEndpoint: for all inbound ports, or for one. May be
    /// repeated.
    #[arg(long, value_name = "[PORT=]ADDR")]
    app: Vec<App>,
    /// Where the application's own calls are taken, also as its http_proxy; 127.0.0.1:15001 unless set.
    #[arg(long, value_name = "ADDR")]
    outbound: Option<SocketAddr>,
    /// Serve the application's own calls only.
    #[arg(long)]
    no_inbound: bool,
    /// Where the admin endpoint is, or 'off'. Unset: the mesh config's proxyAdminPort on the loopback, else
    /// 127.0.0.1:15000.
    #[arg(long, value_name = "ADDR", value_parser = admin)]
    admin: Option<Admin>,
    /// Where readiness (/healthz/ready) and metrics (/stats/prometheus) are shown besides, or 'off'. Unset: the
    /// mesh config's statusPort on all addresses; nowhere without one.
    #[arg(long, value_name = "ADDR", value_parser = admin)]
    status: Option<Admin>,
    /// Write the access log to this file, /dev/stdout or /dev/stderr, or 'off', whatever the mesh config says of
    /// it. Its format is the mesh config's.
    #[arg(long, value_name = "FILE")]
    access_log: Option<String>,
    /// Worker threads. Unset: the mesh config's concurrency, else one for each core.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Refuse to start with any error in the configuration.
    #[arg(long)]
    strict: bool,
    /// How large the head of a request or response may be, and its trailers, in KiB each (8 to 8192), as Envoy's
    /// max_request_headers_kb and max_response_headers_kb say.
    #[arg(long, env = "MESH_MAX_HEADERS_KB", value_name = "KIB", default_value = "60", value_parser = headers_kb)]
    max_headers_kb: FieldLimit,
    /// Do what Istio's running proxies do where this one is stricter.
    #[arg(long)]
    istio_runtime: bool,
    /// How long to keep accepting after the signal to stop, such as 5s or 0s; terminationDrainDuration of the
    /// mesh config unless set.
    #[arg(long, value_name = "TIME", value_parser = time)]
    termination_drain: Option<Duration>,
    /// How long open work may take after that; drainDuration of the mesh config unless set.
    #[arg(long, value_name = "TIME", value_parser = time)]
    drain_time: Option<Duration>,
    /// Drain when standard input ends, as it does when the parent process closes it or is gone.
    #[arg(long, visible_alias = "exit-with-parent")]
    until_stdin_closes: bool,
    /// Ask this name server instead of those of the system; search domains and /etc/hosts are then not
    /// looked at. May be repeated.
    #[arg(long, value_name = "ADDR")]
    name_server: Vec<SocketAddr>,
    /// Draw all chance from this seed, so that a run can be repeated.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Admin(Option<SocketAddr>);

fn admin(text: &str) -> Result<Admin, String> {
    if text == "off" {
        return Ok(Admin(None));
    }
    text.parse()
        .map(|address| Admin(Some(address)))
        .map_err(|_| "neither an address with a port nor 'off'".into())
}

fn time(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| error.to_string())
}

fn headers_kb(text: &str) -> Result<FieldLimit, String> {
    text.parse().ok().and_then(FieldLimit::kib).ok_or_else(|| "no number from 8 to 8192".into())
}

/// Runs the command line in `args`, the program's name first; returns when it is done.
///
/// The exit code is 0 when done or drained, 1 if it could not start, 2 for wrong usage, 79 if `check` found
/// something. Never ends the process itself. Listening addresses are printed to standard output, a line
/// each: `listening <listener> <address>`; our own endpoints are called `admin` and `status`.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap; it knows where each goes.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Err(error) = logging::install(&cli.log) {
        return fail(&anyhow::anyhow!("--log {:?}: {error}", cli.log));
    }
    let result = match cli.command {
        Command::Run(run) => run.run().map(|()| ExitCode::SUCCESS),
        Command::Check(check) => check::run(&check),
    };
    result.unwrap_or_else(|error| fail(&error))
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Nothing is left to do about a standard error that is closed.
    let _ = writeln!(std::io::stderr(), "mesh-proxy: {error:#}");
    ExitCode::FAILURE
}

impl Run {
    fn run(self) -> anyhow::Result<()> {
        let until_stdin_closes = self.until_stdin_closes;
        let settings = self.settings();
        // The control runtime; requests run on the workers'.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let shutdown = Shutdown::default();
            shutdown.on_signals()?;
            let proxy = Proxy::start(settings, &shutdown).await?;
            announce(&proxy.addresses())?;
            if until_stdin_closes {
                shutdown.on_end_of_input();
            }
            proxy.serve(shutdown).await
        })
    }

    fn settings(self) -> Settings {
        let mut settings = Settings::new(self.config);
        if self.workload.is_none() {
            let variables: Vec<_> = std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect();
            let pairs = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let file = |name| std::fs::read_to_string(self.pod_info.join(name)).unwrap_or_default();
            let known = workload_of_environment(pairs);
            settings.identity = complete_by_pod_info(known, &file("labels"), &file("annotations"));
        }
        settings.role = self.role;
        settings.workload = self.workload;
        settings.bind = self.bind;
        settings.apps = self.app;
        settings.outbound = self.outbound;
        settings.inbound = !self.no_inbound;
        settings.admin = self.admin.map(|admin| admin.0);
        settings.status = self.status.map(|status| status.0);
        settings.access_log = self.access_log;
        settings.workers = self.workers;
        settings.strict = self.strict;
        settings.istio_runtime = self.istio_runtime;
        settings.max_fields = self.max_headers_kb;
        settings.termination_drain = self.termination_drain;
        settings.drain = self.drain_time;
        settings.seed = self.seed;
        settings.name_servers = self.name_server;
        settings
    }
}

/// Says where the proxy listens, for programs that started it.
fn announce(addresses: &[(String, SocketAddr)]) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for (name, address) in addresses {
        writeln!(output, "listening {name} {address}")?;
    }
    output.flush()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn settings(text: &str) -> Settings {
        let cli = Cli::try_parse_from(text.split_whitespace()).unwrap();
        match cli.command {
            Command::Run(run) => run.settings(),
            Command::Check(_) => panic!("not a run"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_settings() {
        let settings = settings(
            "mesh-proxy run --config x --role gateway --bind 80=127.0.0.1:0 --app 5000=127.0.0.1:1 \
             --admin off --access-log /dev/stdout --workers 2 --termination-drain 0s --drain-time 1m30s \
             --max-headers-kb 96",
        );
        assert_eq!(settings.access_log.as_deref(), Some("/dev/stdout"));
        assert_eq!(settings.role, Some(Role::Gateway));
        assert_eq!(settings.bind[0].listener, "80");
        assert_eq!(settings.apps[0].port, Some(5000));
        assert_eq!((settings.admin, settings.workers.unwrap().get()), (Some(None), 2));
        assert_eq!(settings.termination_drain, Some(Duration::ZERO));
        assert_eq!(Some(settings.max_fields), FieldLimit::kib(96));
        assert_eq!(settings.drain, Some(Duration::from_secs(90)));
    }

    /// MC-4
    #[test]
    fn mc_4_the_files_of_the_downward_api_say_who_this_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("labels"), "app=\"cart\"\nversion=\"v2\"\n").unwrap();
        let annotations = "proxy.istio.io/config=\"concurrency: 3\\n\"\n";
        std::fs::write(folder.path().join("annotations"), annotations).unwrap();
        let info = folder.path().display();
        let workload = settings(&format!("mesh-proxy run --config x --pod-info {info}")).identity.unwrap();
        assert_eq!((&*workload.labels["app"], &*workload.labels["version"]), ("cart", "v2"));
        assert_eq!(workload.annotations["proxy.istio.io/config"], "concurrency: 3\n");
        let named = settings(&format!("mesh-proxy run --config x --workload a --pod-info {info}"));
        assert!(named.identity.is_none(), "its document describes the workload");
        let nothing = settings(&format!("mesh-proxy run --config x --pod-info {info}/none"));
        assert!(nothing.identity.is_none());
    }

    #[test]
    fn wrong_usage_is_told() {
        for wrong in [
            "run",
            "run --config x --admin here",
            "run --config x --bind 80",
            "run --config x --max-headers-kb 7",
            "check",
        ] {
            let args = format!("mesh-proxy {wrong}");
            assert!(Cli::try_parse_from(args.split_whitespace()).is_err(), "{wrong}");
        }
    }
}
