//! Settings of one proxy; flags and programs make the same value.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use mesh_core::headers::FieldLimit;
use mesh_core::identity::Workload;
use mesh_core::plan::Plan;

/// The role of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Beside an application: its calls out, and calls to it.
    Sidecar,
    /// At the edge: serves Gateways.
    Gateway,
}

/// Which socket serves a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// A port as rules know it, such as `80`, or a listener's name, such as `inbound|5000`.
    pub listener: String,
    /// The socket's address; port 0 is a free port.
    pub address: SocketAddr,
}

impl Bind {
    /// Whether it names this listener.
    pub(crate) fn is_for(&self, listener: &mesh_core::plan::Listener) -> bool {
        self.listener == listener.key.to_string() || self.listener.parse() == Ok(listener.port)
    }
}

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (listener, address) = text.split_once('=').ok_or("expected PORT=ADDRESS:PORT")?;
        let address = address.parse().map_err(|_| format!("{address:?} is no address with a port"))?;
        Ok(Self { listener: listener.to_owned(), address })
    }
}

/// Where the local application listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct App {
    /// The inbound port it serves; `None` for all.
    pub(crate) port: Option<u16>,
    pub(crate) address: SocketAddr,
}

impl FromStr for App {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (port, address) = match text.split_once('=') {
            Some((port, address)) => {
                (Some(port.parse().map_err(|_| format!("{port:?} is no port"))?), address)
            }
            None => (None, text),
        };
        let address = address.parse().map_err(|_| format!("{address:?} is no address with a port"))?;
        Ok(Self { port, address })
    }
}

/// Settings of one proxy.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) config: PathBuf,
    pub(crate) role: Option<Role>,
    pub(crate) workload: Option<String>,
    pub(crate) identity: Option<Workload>,
    pub(crate) bind: Vec<Bind>,
    pub(crate) apps: Vec<App>,
    pub(crate) outbound: Option<SocketAddr>,
    pub(crate) inbound: bool,
    /// Unset: where the mesh config says.
    pub(crate) admin: Option<Option<SocketAddr>>,
    /// Unset: where the mesh config says, if it says it.
    pub(crate) status: Option<Option<SocketAddr>>,
    /// Unset: as the mesh config says.
    pub(crate) access_log: Option<String>,
    /// Unset: as many as the mesh config says, else one for each core.
    pub(crate) workers: Option<NonZeroUsize>,
    pub(crate) strict: bool,
    pub(crate) istio_runtime: bool,
    pub(crate) max_fields: FieldLimit,
    pub(crate) termination_drain: Option<Duration>,
    pub(crate) drain: Option<Duration>,
    pub(crate) seed: Option<u64>,
    pub(crate) name_servers: Vec<SocketAddr>,
}

impl Settings {
    /// A proxy for the YAML files of a folder: a worker for each core, the admin endpoint on
    /// `127.0.0.1:15000`, everything else as the files say.
    #[must_use]
    pub fn new(config: impl Into<PathBuf>) -> Self {
        Self {
            config: config.into(),
            role: None,
            workload: None,
            identity: None,
            bind: Vec::new(),
            apps: Vec::new(),
            outbound: None,
            inbound: true,
            admin: None,
            status: None,
            access_log: None,
            workers: None,
            strict: false,
            istio_runtime: false,
            max_fields: FieldLimit::default(),
            termination_drain: None,
            drain: None,
            seed: None,
            name_servers: Vec::new(),
        }
    }

    /// Sidecar or gateway. Unset: a sidecar if a workload is named; else a gateway if the files have a
    /// Gateway, else a sidecar.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// The workload of this proxy: `namespace/kind/name` of its document (MC-4).
    #[must_use]
    pub fn workload(mut self, name: impl Into<String>) -> Self {
        self.workload = Some(name.into());
        self
    }

    /// Which socket serves a listener; the port that rules match stays as it was written.
    #[must_use]
    pub fn bind(mut self, bind: Bind) -> Self {
        self.bind.push(bind);
        self
    }

    /// Where the application is that serves an inbound port, instead of `defaultEndpoint`; `None` for
    /// all ports.
    #[must_use]
    pub fn app(mut self, port: Option<u16>, address: SocketAddr) -> Self {
        self.apps.push(App { port, address });
        self
    }

    /// Where the listener for the application's own calls is; `127.0.0.1:15001` unless set.
    #[must_use]
    pub fn outbound(mut self, address: SocketAddr) -> Self {
        self.outbound = Some(address);
        self
    }

    /// Asks this name server too, instead of those of the system.
    #[must_use]
    pub fn name_server(mut self, address: SocketAddr) -> Self {
        self.name_servers.push(address);
        self
    }

    /// Where the admin endpoint is; `None` is nowhere. The mesh config's `proxyAdminPort` on the loopback,
    /// or `127.0.0.1:15000`, unless set.
    #[must_use]
    pub fn admin(mut self, address: Option<SocketAddr>) -> Self {
        self.admin = Some(address);
        self
    }

    /// Where probes and Prometheus see readiness and metrics, and nothing else; `None` is nowhere. The mesh
    /// config's `statusPort` on all addresses, if it has one, unless set.
    #[must_use]
    pub fn status(mut self, address: Option<SocketAddr>) -> Self {
        self.status = Some(address);
        self
    }

    /// Where the access log goes, whatever the mesh config says: a file, `/dev/stdout`, `/dev/stderr` or `off`.
    #[must_use]
    pub fn access_log(mut self, file: impl Into<String>) -> Self {
        self.access_log = Some(file.into());
        self
    }

    /// How large the head and the trailers of a message may be, each; 60 KiB unless set.
    #[must_use]
    pub fn max_fields(mut self, limit: FieldLimit) -> Self {
        self.max_fields = limit;
        self
    }

    /// How many worker threads serve; the mesh config's `concurrency` unless set.
    #[must_use]
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How long a stopping proxy still accepts; the mesh config's `terminationDrainDuration` unless set.
    #[must_use]
    pub fn termination_drain(mut self, time: Duration) -> Self {
        self.termination_drain = Some(time);
        self
    }

    /// How long open work may take when draining; the mesh config's `drainDuration` unless set.
    #[must_use]
    pub fn drain(mut self, time: Duration) -> Self {
        self.drain = Some(time);
        self
    }
}

impl Settings {
    pub(crate) fn worker_count(&self, plan: &Plan) -> NonZeroUsize {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.workers.or(plan.settings.concurrency).unwrap_or_else(cores)
    }

    pub(crate) fn admin_address(&self, plan: &Plan) -> Option<SocketAddr> {
        let port = plan.settings.admin_port;
        self.admin.unwrap_or_else(|| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }

    pub(crate) fn status_address(&self, plan: &Plan) -> Option<SocketAddr> {
        let port = plan.settings.status_port;
        self.status.unwrap_or_else(|| port.map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_takes_a_port_or_a_listener() {
        let bind: Bind = "80=127.0.0.1:0".parse().unwrap();
        assert_eq!((bind.listener.as_str(), bind.address.port()), ("80", 0));
        let bind: Bind = "inbound|5000=[::1]:5000".parse().unwrap();
        assert_eq!(bind.listener, "inbound|5000");
        for wrong in ["80", "80=here", "80=127.0.0.1"] {
            assert!(wrong.parse::<Bind>().is_err(), "{wrong}");
        }
    }

    /// MC-3: the flags win over the plan, the plan over what is built in.
    #[test]
    fn mc_3_the_plan_says_threads_and_ports_that_no_flag_says() {
        let mut plan = Plan::default();
        let plain = Settings::new("x");
        assert_eq!(plain.admin_address(&plan), "127.0.0.1:15000".parse().ok());
        assert_eq!(plain.status_address(&plan), None);
        plan.settings.concurrency = NonZeroUsize::new(3);
        (plan.settings.admin_port, plan.settings.status_port) = (16_000, Some(16_020));
        assert_eq!(plain.worker_count(&plan).get(), 3);
        assert_eq!(plain.admin_address(&plan), "127.0.0.1:16000".parse().ok());
        assert_eq!(plain.status_address(&plan), "0.0.0.0:16020".parse().ok());
        let set = plain.workers(NonZeroUsize::MIN).admin(None).status(None);
        assert_eq!(set.worker_count(&plan).get(), 1);
        assert_eq!((set.admin_address(&plan), set.status_address(&plan)), (None, None));
    }

    #[test]
    fn app_takes_one_port_or_all() {
        let address = "127.0.0.1:5001".parse().unwrap();
        assert_eq!("5000=127.0.0.1:5001".parse(), Ok(App { port: Some(5000), address }));
        assert_eq!("127.0.0.1:5001".parse(), Ok(App { port: None, address }));
        assert!("x=127.0.0.1:5001".parse::<App>().is_err());
    }
}
