//! A cluster whose endpoints are the addresses of names.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use mesh_core::endpoint::{Address, Endpoint};
use mesh_core::plan::DnsTarget;
use tokio::time::{Instant, timeout_at};

use super::Names;
use super::names::{Follow, Name};

/// How long after a cluster's start its requests wait for the first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// The same for a host that is looked up because a request names it: as long as a connection may take.
const FIRST_ANSWER_ON_DEMAND: Duration = Duration::from_secs(10);

/// The endpoints of a cluster, which the addresses of its names become.
pub(crate) trait Endpoints: Send + Sync {
    /// These are all endpoints from now on.
    fn replace_all(&self, all: &[Arc<Endpoint>]);

    /// The one endpoint is here from now on.
    fn move_to(&self, one: &Arc<Endpoint>);
}

/// The names of a cluster, and how their addresses become its endpoints.
#[derive(Debug)]
pub(crate) struct Following {
    endpoints: Weak<dyn Endpoints>,
    targets: Vec<(DnsTarget, Source)>,
    /// Whether the first address alone counts, as one endpoint that moves (`DNS_ROUND_ROBIN`).
    first_only: bool,
    /// Whether a request has named the host, rather than the configuration.
    on_demand: bool,
    /// Until when a request waits for a first answer.
    patience: Instant,
    /// Held during an update: when two names are answered at once, each update brings the addresses of all names.
    turn: Mutex<()>,
}

#[derive(Debug)]
enum Source {
    Literal(IpAddr),
    Name(Arc<Name>),
}

impl Following {
    /// Keeps the cluster's endpoints equal to what the names resolve to, until the value that is returned is
    /// dropped: the cluster keeps it. The known addresses of the names are in force at once.
    pub(crate) fn start(
        endpoints: Weak<dyn Endpoints>,
        targets: &[DnsTarget],
        first_only: bool,
        names: &Names,
    ) -> Arc<Self> {
        let source = |target: &DnsTarget| (target.clone(), source(target, names, Some(&target.name)));
        Self {
            endpoints,
            targets: targets.iter().map(source).collect(),
            first_only,
            on_demand: false,
            patience: Instant::now() + FIRST_ANSWER,
            turn: Mutex::default(),
        }
        .attached()
    }

    /// The same for a host that a request names.
    pub(crate) fn authority(endpoints: Weak<dyn Endpoints>, target: DnsTarget, names: &Names) -> Arc<Self> {
        let source = source(&target, names, None);
        Self {
            endpoints,
            targets: vec![(target, source)],
            first_only: false,
            on_demand: true,
            patience: Instant::now() + FIRST_ANSWER_ON_DEMAND,
            turn: Mutex::default(),
        }
        .attached()
    }

    fn attached(self) -> Arc<Self> {
        let following = Arc::new(self);
        for name in following.names() {
            let follower: Weak<Self> = Arc::downgrade(&following);
            name.follow(follower);
        }
        following.update();
        following
    }

    /// Whether a request has named the host, rather than the configuration.
    pub(crate) const fn is_on_demand(&self) -> bool {
        self.on_demand
    }

    fn names(&self) -> impl Iterator<Item = &Arc<Name>> {
        self.targets.iter().filter_map(|(_, source)| match source {
            Source::Literal(_) => None,
            Source::Name(name) => Some(name),
        })
    }

    /// Whether a first answer is still to come, and worth waiting for.
    pub(crate) fn is_awaited(&self) -> bool {
        Instant::now() < self.patience && self.names().any(|name| !name.is_answered())
    }

    /// Ready when every name has been asked for, or patience has run out.
    pub(crate) async fn answered(&self) {
        for name in self.names() {
            if timeout_at(self.patience, name.answered()).await.is_err() {
                return;
            }
        }
    }

    /// Asks earlier: an address does not answer.
    pub(crate) fn ask_again(&self) {
        self.names().for_each(|name| name.ask_again());
    }

    /// Sets the gauges to the present values.
    pub(crate) fn publish(&self) {
        self.names().for_each(|name| name.publish());
    }
}

impl Follow for Following {
    /// Makes the present addresses of the names the cluster's endpoints.
    fn update(&self) {
        let Some(target) = self.endpoints.upgrade() else { return };
        let _turn = self.turn.lock().expect("no panic while endpoints are updated");
        let mut seen = HashSet::new();
        let mut endpoints: Vec<Arc<Endpoint>> = Vec::new();
        for (target, source) in &self.targets {
            let mut addresses = match source {
                Source::Literal(address) => vec![*address],
                Source::Name(name) => name.addresses(),
            };
            if self.first_only {
                addresses.truncate(1);
            } else {
                // Name servers rotate their answers; only the set of addresses matters.
                addresses.sort_unstable();
            }
            for ip in addresses {
                let address = Address::Socket((ip, target.port).into());
                if seen.insert(address.clone()) {
                    endpoints.push(Arc::new(Endpoint { address, ..target.template.clone() }));
                }
            }
        }
        match endpoints.as_slice() {
            [endpoint] if self.first_only => target.move_to(endpoint),
            all => target.replace_all(all),
        }
    }
}

fn source(target: &DnsTarget, names: &Names, label: Option<&Arc<str>>) -> Source {
    match target.name.parse() {
        Ok(address) => Source::Literal(address),
        Err(_) => Source::Name(names.name(&target.name, label)),
    }
}
