//! The open listeners, kept as the plan has them.
//!
//! A listener is known by its key. Over a reload one that stays keeps its sockets and connections, a new one
//! is bound, and one that is gone lets its connections finish. Routes need nothing here: each request asks
//! the plan in force.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;

use http::HeaderValue;
use mesh_core::endpoint::Address;
use mesh_core::plan::{
    ClusterKey, Direction, Discovery, Listener, ListenerKey, ListenerProtocol, ListenerRoutes, Plan,
    ServerHeader,
};
use mesh_tower::admin::ListenerStatus;
use tokio::sync::oneshot;

use crate::connection::entrance::Shared;
use crate::connection::front::SERVER_NAME;
use crate::listen::bind::{self, BindError};
use crate::listen::tls;
use crate::listen::worker::{Command, Handle};
use crate::settings::Settings;

#[derive(Debug)]
struct Standing {
    shared: Arc<Shared>,
    wanted: SocketAddr,
    protocol: ListenerProtocol,
    /// Fingerprint of its certificate files when they were last read.
    files: u64,
    status: ListenerStatus,
}

/// The open listeners.
#[derive(Debug, Default)]
pub(crate) struct Listeners(BTreeMap<ListenerKey, Standing>);

impl Listeners {
    /// Follows the plan. Listeners that fail are in the result; all others follow nevertheless.
    pub(crate) async fn follow(
        &mut self,
        plan: &Plan,
        settings: &Settings,
        workers: &[Handle],
    ) -> Vec<BindError> {
        let served = || plan.listeners.iter().filter(|listener| is_served(listener, settings));
        let mut wanted: BTreeMap<&ListenerKey, SocketAddr> = BTreeMap::new();
        for listener in served() {
            wanted.insert(&listener.key, address(listener, plan, settings));
        }
        let gone: Vec<ListenerKey> = self
            .0
            .iter()
            .filter(|(key, standing)| wanted.get(key) != Some(&standing.wanted))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.0.remove(&key);
            tracing::info!(listener = %key, "closes");
            let drain = settings.drain.unwrap_or(plan.settings.drain_duration);
            for worker in workers {
                let (done, closed) = oneshot::channel();
                worker.send(Command::Close { listener: key.clone(), drain, done }).await;
                // Its address may be wanted again at once. A worker that has panicked has closed it too.
                let _ = closed.await;
            }
        }
        let mut errors = Vec::new();
        for listener in served() {
            let result = match self.0.get_mut(&listener.key) {
                Some(standing) => standing.renew(listener),
                None => self.open(listener, wanted[&listener.key], plan, workers).await,
            };
            if let Err(reason) = result {
                errors.push(BindError {
                    listener: listener.key.to_string(),
                    origin: origin(listener),
                    address: wanted[&listener.key],
                    reason,
                });
            }
        }
        errors
    }

    /// Reads certificates and keys again where their files have changed. A pair that does not match, because one half
    /// is not written yet, changes nothing.
    pub(crate) fn reread(&mut self) {
        for (key, standing) in &mut self.0 {
            let files = tls::digest(&standing.protocol);
            if files == standing.files {
                continue;
            }
            standing.files = files;
            match tls::config(&standing.protocol) {
                Ok(tls) => {
                    standing.shared.renew(tls);
                    tracing::info!(listener = %key, "new certificates");
                }
                Err(error) => {
                    tracing::warn!(listener = %key, error, "its new certificates cannot be used; the last good ones stay");
                }
            }
        }
    }

    async fn open(
        &mut self,
        listener: &Listener,
        wanted: SocketAddr,
        plan: &Plan,
        workers: &[Handle],
    ) -> Result<(), String> {
        if let Some(app) = calls_itself(listener, wanted, plan) {
            let port = listener.port;
            return Err(format!(
                "the application at {app} is this listener itself; \
                 --app {port}=ADDRESS says where the application is, --bind {port}=ADDRESS where to listen"
            ));
        }
        let (tls, files) = (tls::config(&listener.protocol)?, tls::digest(&listener.protocol));
        let sockets = bind::bind(wanted, NonZeroUsize::new(workers.len()).unwrap_or(NonZeroUsize::MIN))
            .map_err(|error| bind::explain(&error, &format!("--bind {}=ADDRESS:PORT", listener.port)))?;
        let server = server(listener.direction, &plan.settings.server);
        let shared = Arc::new(Shared::new(listener, server, plan.settings.max_fields, tls));
        for (worker, socket) in workers.iter().zip(sockets.list) {
            worker.send(Command::Listen { shared: shared.clone(), socket }).await;
        }
        tracing::info!(listener = %listener.key, address = %sockets.address, "listens");
        let status = ListenerStatus {
            name: listener.key.to_string().into(),
            address: sockets.address,
            port: listener.port,
            direction: listener.direction,
            protocol: protocol_name(&listener.protocol),
            origin: listener.origin.to_string(),
        };
        let protocol = listener.protocol.clone();
        self.0.insert(listener.key.clone(), Standing { shared, wanted, protocol, files, status });
        Ok(())
    }

    /// The open listeners, by name.
    pub(crate) fn status(&self) -> Vec<ListenerStatus> {
        let mut list: Vec<_> = self.0.values().map(|standing| standing.status.clone()).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }
}

impl Standing {
    /// Uses new certificates for new connections; keeps the old ones if the new cannot be used.
    fn renew(&mut self, listener: &Listener) -> Result<(), String> {
        self.status.origin = listener.origin.to_string();
        // Files may have changed although their names have not.
        let files = tls::digest(&listener.protocol);
        if self.protocol == listener.protocol && self.files == files {
            return Ok(());
        }
        self.shared.renew(tls::config(&listener.protocol)?);
        (self.protocol, self.files) = (listener.protocol.clone(), files);
        self.status.protocol = protocol_name(&listener.protocol);
        Ok(())
    }
}

/// `server` of responses to callers from elsewhere: the proxy's name, unless the configuration sets another (HD-3, HD-4).
fn server(direction: Direction, configured: &ServerHeader) -> Option<HeaderValue> {
    match configured {
        _ if direction == Direction::Outbound => None,
        ServerHeader::Own => Some(SERVER_NAME),
        ServerHeader::Is(name) => Some(name.clone()),
        ServerHeader::Kept => None,
    }
}

fn is_served(listener: &Listener, settings: &Settings) -> bool {
    settings.inbound || listener.direction != Direction::Inbound
}

/// The address of a listener: of the flags, else of the configuration, else the default of its direction.
fn address(listener: &Listener, plan: &Plan, settings: &Settings) -> SocketAddr {
    let bound = settings.bind.iter().find(|bind| bind.is_for(listener));
    if let Some(bind) = bound {
        return bind.address;
    }
    if let Some(address) = settings.outbound.filter(|_| is_for_calls_out(listener, plan)) {
        return address;
    }
    let ip = listener.bind.unwrap_or_else(|| match listener.direction {
        Direction::Outbound => Ipv4Addr::LOCALHOST.into(),
        // The application has the same port on the loopback.
        Direction::Inbound => plan.workload.ip.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
        Direction::Gateway => Ipv4Addr::UNSPECIFIED.into(),
    });
    SocketAddr::new(ip, listener.port)
}

/// Whether `--outbound` sets the address of this listener: the one for all ports of all services, else the first whose
/// requests name the port.
fn is_for_calls_out(listener: &Listener, plan: &Plan) -> bool {
    let mut out = plan.listeners.iter().filter(|listener| listener.direction == Direction::Outbound);
    let all = out.clone().find(|listener| matches!(listener.routes, ListenerRoutes::ByAuthority));
    let meant = all.or_else(|| out.find(|one| matches!(one.routes, ListenerRoutes::ByAuthorityOf(_))));
    meant.is_some_and(|meant| meant.key == listener.key)
}

/// The application's address, if an inbound listener there would forward to itself for ever (OP-7).
fn calls_itself(listener: &Listener, wanted: SocketAddr, plan: &Plan) -> Option<SocketAddr> {
    if listener.direction != Direction::Inbound {
        return None;
    }
    let cluster = plan.cluster(plan.cluster_id(&ClusterKey::Inbound(listener.key.clone()))?)?;
    let Discovery::Static(endpoints) = &cluster.discovery else { return None };
    let covers = |ip: IpAddr| wanted.ip() == ip || wanted.ip().is_unspecified();
    endpoints.iter().find_map(|endpoint| match endpoint.address {
        Address::Socket(app) if app.port() == wanted.port() && covers(app.ip()) => Some(app),
        Address::Socket(_) | Address::Unix(_) => None,
    })
}

fn origin(listener: &Listener) -> String {
    if listener.origin.file.is_empty() { String::new() } else { format!(" ({})", listener.origin) }
}

const fn protocol_name(protocol: &ListenerProtocol) -> &'static str {
    match protocol {
        ListenerProtocol::Http => "HTTP",
        ListenerProtocol::Https(_) => "HTTPS",
    }
}
