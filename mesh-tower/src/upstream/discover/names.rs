//! The names that are looked up, each once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use mesh_core::discover::{self, Answer, Change, DnsPolicy, Step};
use mesh_core::rng::Rng;
use metrics::{counter, gauge};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Resolve;
use crate::clock::{FastRng, now};

/// After a failed dial a name is looked up earlier, but not before this long after the last lookup.
const EARLIEST: Duration = Duration::from_secs(5);

/// All names of a mesh.
///
/// # Clone
/// Clones are the same names.
#[derive(Clone, Debug)]
pub(crate) struct Names(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    resolver: Arc<dyn Resolve>,
    seed: u64,
    policy: Mutex<DnsPolicy>,
    known: Mutex<HashMap<Arc<str>, Weak<Name>>>,
}

/// A follower of names.
pub(crate) trait Follow: Send + Sync {
    /// The addresses of a name have changed.
    fn update(&self);
}

/// A name that clusters follow. Its background task ends when none does any more.
#[derive(Debug)]
pub(super) struct Name {
    name: Arc<str>,
    /// Its label in metrics; `None` if it came with a request, because requests may bring any number of names.
    label: Option<Arc<str>>,
    task: OnceLock<AbortHandle>,
    state: Mutex<discover::Name>,
    followers: Mutex<Vec<Weak<dyn Follow>>>,
    again: Arc<Notify>,
    answered: CancellationToken,
}

impl Names {
    pub(crate) fn new(resolver: Arc<dyn Resolve>, seed: u64, policy: DnsPolicy) -> Self {
        Self(Arc::new(Inner { resolver, seed, policy: Mutex::new(policy), known: Mutex::default() }))
    }

    /// The policy in force.
    fn policy(&self) -> DnsPolicy {
        lock(&self.0.policy).clone()
    }

    /// From the next answer on, a failed lookup is repeated after this time.
    pub(crate) fn set_refresh_rate(&self, rate: Duration) {
        lock(&self.0.policy).after_failure = rate;
    }

    /// A name's own generator: the same for the same seed, whichever name is asked for first (OU-1).
    fn rng(&self, name: &str) -> FastRng {
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        FastRng::seeded(self.0.seed ^ name.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
    }

    /// The name, looked up from now on if it is not yet.
    pub(super) fn name(&self, name: &Arc<str>, label: Option<&Arc<str>>) -> Arc<Name> {
        let mut known = lock(&self.0.known);
        if let Some(name) = known.get(name).and_then(Weak::upgrade) {
            return name;
        }
        known.retain(|_, name| name.strong_count() > 0);
        let made = Arc::new(Name {
            name: name.clone(),
            label: label.cloned(),
            task: OnceLock::new(),
            state: Mutex::default(),
            followers: Mutex::default(),
            again: Arc::default(),
            answered: CancellationToken::new(),
        });
        known.insert(name.clone(), Arc::downgrade(&made));
        drop(known);
        let task = keep_asking(Arc::downgrade(&made), self.clone(), made.again.clone(), name.clone());
        let _: Result<(), _> = made.task.set(tokio::spawn(task).abort_handle());
        made
    }
}

/// A lookup without an answer for this long has failed, and is repeated: a resolver that the application brings may
/// have no limit.
const PATIENCE: Duration = Duration::from_secs(30);

async fn keep_asking(owner: Weak<Name>, names: Names, again: Arc<Notify>, name: Arc<str>) {
    let mut rng = names.rng(&name);
    loop {
        let asking = tokio::time::timeout(PATIENCE, names.0.resolver.resolve(&name));
        let answer = asking.await.unwrap_or(Ok(Answer::Failed));
        let Some(owned) = owner.upgrade() else { return };
        let policy = names.policy();
        let result = match &answer {
            Ok(Answer::Addresses { addresses, .. }) if !addresses.is_empty() => "answered",
            Ok(Answer::Addresses { .. } | Answer::Empty) => "empty",
            Ok(Answer::Failed) | Err(_) => "failed",
        };
        let label = owned.label.clone().unwrap_or_else(|| "(of a request)".into());
        counter!("mesh_dns_lookups_total", "name" => label, "result" => result).increment(1);
        let answer = answer.unwrap_or_else(|error| {
            if owned.label.is_some() {
                tracing::warn!(%name, %error, "a name does not resolve; its last good addresses stay in use");
            } else {
                tracing::debug!(%name, %error, "a name does not resolve");
            }
            Answer::Failed
        });
        let step = owned.take(&answer, &policy, &mut rng);
        drop(owned);
        let asked = Instant::now();
        let next = Instant::from_std(step.next);
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = again.notified() => {
                let earliest = asked + EARLIEST.mul_f64(1.0 + rng.unit() / 2.0).max(policy.shortest);
                tokio::time::sleep_until(earliest.min(next)).await;
            }
        }
        if owner.strong_count() == 0 {
            return;
        }
    }
}

impl Name {
    fn take(&self, answer: &Answer, policy: &DnsPolicy, rng: &mut impl Rng) -> Step {
        let step = lock(&self.state).take(answer, now(), policy, rng);
        let name = &*self.name;
        match step.change {
            Change::None => {}
            Change::Addresses => {
                let addresses = self.addresses();
                tracing::debug!(%name, ?addresses, "a name has new addresses");
            }
            Change::Doubted => {
                let grace = policy.grace;
                tracing::warn!(%name, ?grace, "a name is said to have no address any more; its addresses stay for a while");
            }
            Change::Dropped => {
                tracing::warn!(%name, "a name has no address any more; its endpoints are gone")
            }
        }
        if matches!(step.change, Change::Addresses | Change::Dropped) {
            let followers: Vec<_> = {
                let mut followers = lock(&self.followers);
                followers.retain(|follower| follower.strong_count() > 0);
                followers.iter().filter_map(Weak::upgrade).collect()
            };
            for follower in followers {
                follower.update();
            }
        }
        self.answered.cancel();
        step
    }

    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        lock(&self.state).addresses().to_vec()
    }

    pub(super) fn follow(&self, follower: Weak<dyn Follow>) {
        let mut followers = lock(&self.followers);
        followers.retain(|follower| follower.strong_count() > 0);
        followers.push(follower);
    }

    /// Ready once the first lookup has ended, with or without an address.
    pub(super) async fn answered(&self) {
        self.answered.cancelled().await;
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered.is_cancelled()
    }

    /// Asks earlier: an address that it gave does not answer.
    pub(super) fn ask_again(&self) {
        self.again.notify_one();
    }

    pub(super) fn publish(&self) {
        if let Some(label) = &self.label {
            let stale = lock(&self.state).stale_for(now());
            gauge!("mesh_dns_stale_seconds", "name" => label.clone()).set(stale.as_secs_f64());
        }
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while names are locked")
}
