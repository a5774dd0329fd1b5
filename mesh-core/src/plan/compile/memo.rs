//! What a compile made, for the next one to take over.
//!
//! A result is taken over only if all that it was made of is the same: the documents that it names, and what everything
//! depends on without naming it, which is compared once ([`Memo::changes`]). What the next plan has no use for is not in
//! the next memo, so that it never outgrows the plan.

use std::sync::Arc;

use super::CompileOptions;
use super::destinations::callables::KnownCallables;
use super::destinations::rules::RuleIndex;
use super::findings::known::KnownFindings;
use super::inputs::changes::{Changes, same_surroundings};
use super::inputs::few::Few;
use super::registry::KnownRegistry;
use super::rules::known::KnownRoutes;
use super::rules::virtual_services::KnownNames;
use crate::api::Documents;
use crate::identity::Workload;

/// What a compile made. The default is nothing.
#[derive(Clone, Debug, Default)]
pub(in crate::plan) struct Memo {
    /// How it was asked for, and for whom.
    made_for: Option<(CompileOptions, Arc<Workload>)>,
    pub(super) registry: KnownRegistry,
    pub(super) rules: Option<Arc<RuleIndex>>,
    pub(super) callables: KnownCallables,
    pub(super) names: KnownNames,
    /// Of each VirtualService, by its place among the documents.
    pub(super) routes: Vec<Few<Arc<KnownRoutes>>>,
    pub(super) findings: KnownFindings,
}

impl Memo {
    /// Nothing yet, for this workload.
    pub(super) fn new(options: &CompileOptions, workload: &Arc<Workload>) -> Self {
        Self { made_for: Some((options.clone(), Arc::clone(workload))), ..Self::default() }
    }

    /// What stayed since `said` was compiled; `None` if nothing can be taken over.
    pub(super) fn changes(
        &self,
        documents: &Documents,
        said: Option<&Documents>,
        options: &CompileOptions,
        workload: &Workload,
    ) -> Option<Changes> {
        let (said, (made_for, of)) = (said?, self.made_for.as_ref()?);
        let same = is_same(made_for, options) && **of == *workload && same_surroundings(documents, said);
        same.then(|| Changes::between(documents, said))
    }
}

/// Whether the options are the same as far as they decide about services and rules.
fn is_same(one: &CompileOptions, other: &CompileOptions) -> bool {
    let key = |options: &CompileOptions| (options.gateway, options.istio_runtime, options.max_fields);
    key(one) == key(other) && one.balance == other.balance
}
