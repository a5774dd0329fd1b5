//! How each service is called, made when it is first asked for.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::callable::{Callable, Terms};
use super::rules::Rules;
use crate::balance::BalancePolicy;
use crate::identity::Workload;
use crate::plan::compile::inputs::changes::Changes;
use crate::plan::compile::inputs::few::Few;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::compile::registry::{Registry, Service};

/// The services of a registry as they are called, by their places in it.
#[derive(Debug)]
pub(crate) struct Callables<'c> {
    workload: Arc<Workload>,
    /// What the program says, by host.
    picks: HashMap<String, BalancePolicy>,
    made: Vec<OnceCell<Made>>,
    /// The names of subsets, each text once.
    subsets: RefCell<HashSet<Arc<str>>>,
    changes: &'c Changes,
    known: &'c KnownCallables,
}

/// How a service is called, and which documents that was made of besides the service's own.
#[derive(Clone, Debug)]
struct Made {
    callable: Arc<Callable>,
    /// The places of its DestinationRules.
    rules: Few<u32>,
}

/// What the last compile made, by the places of its registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownCallables(Vec<Option<Made>>);

impl<'c> Callables<'c> {
    /// None yet; those of `known` are taken over whose documents `changes` says to be the same.
    pub(crate) fn new(
        registry: &Registry,
        workload: Arc<Workload>,
        picks: HashMap<String, BalancePolicy>,
        changes: &'c Changes,
        known: &'c KnownCallables,
    ) -> Self {
        let made = registry.services().iter().map(|_| OnceCell::new()).collect();
        Self { workload, picks, made, subsets: RefCell::default(), changes, known }
    }

    /// How the service at this place is called.
    pub(crate) fn get<'a>(
        &self,
        index: usize,
        registry: &Registry,
        rules: &Rules<'a>,
        mesh: &Mesh<'a>,
    ) -> &Arc<Callable> {
        let make = || {
            let service = registry.get(index);
            self.make(service, registry.before(index), rules, mesh)
        };
        &self.made[index].get_or_init(make).callable
    }

    fn make<'a>(
        &self,
        service: &Arc<Service>,
        before: Option<usize>,
        rules: &Rules<'a>,
        mesh: &Mesh<'a>,
    ) -> Made {
        let kept = &self.changes.destination_rules;
        let known = before.and_then(|before| self.known.0.get(before)?.as_ref());
        // Where the index stayed, the rules of a host are at the places where they were.
        if let Some(known) = known
            .filter(|known| rules.index_stayed() && kept.are(known.rules.as_slice(), known.rules.as_slice()))
        {
            return known.clone();
        }
        let places = rules.places(&service.identity.host, &service.identity.namespace);
        if let Some(known) = known.filter(|known| kept.are(places, known.rules.as_slice())) {
            return Made { callable: Arc::clone(&known.callable), rules: places.into() };
        }
        let pick = self.picks.get(&*service.identity.host).copied();
        let terms = Terms { mesh, workload: &self.workload, pick, subsets: &self.subsets };
        let rule = rules.merged(places);
        Made { callable: Arc::new(Callable::new(service, rule.as_ref(), terms)), rules: places.into() }
    }

    /// What was asked for, to be taken over.
    pub(crate) fn known(self) -> KnownCallables {
        KnownCallables(self.made.into_iter().map(OnceCell::into_inner).collect())
    }
}
