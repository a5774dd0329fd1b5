//! Findings that are taken over from the last compile.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::plan::compile::registry::Service;

/// What was found of documents, by their places. Of those that are not here it depended on more than the document
/// and what is remembered with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownFindings {
    virtual_services: Vec<Option<Vec<Diagnostic>>>,
    destination_rules: Vec<Option<OfRule>>,
}

/// What was found of a DestinationRule.
#[derive(Clone, Debug)]
pub(crate) struct OfRule {
    pub(crate) host: Arc<str>,
    /// The service of the host, and its place.
    pub(crate) service: (usize, Arc<Service>),
    pub(crate) findings: Vec<Diagnostic>,
}

impl KnownFindings {
    /// Nothing yet, of this many documents.
    pub(crate) fn new(virtual_services: usize, destination_rules: usize) -> Self {
        Self {
            virtual_services: vec![None; virtual_services],
            destination_rules: vec![None; destination_rules],
        }
    }

    /// What was found of the VirtualService at this place.
    pub(crate) fn virtual_service(&self, place: usize) -> Option<&[Diagnostic]> {
        self.virtual_services.get(place)?.as_deref()
    }

    /// What was found of the DestinationRule at this place.
    pub(crate) fn destination_rule(&self, place: usize) -> Option<&OfRule> {
        self.destination_rules.get(place)?.as_ref()
    }

    /// Remembers what was found; of a document without a place nothing.
    pub(crate) fn set_virtual_service(&mut self, place: Option<usize>, findings: Vec<Diagnostic>) {
        if let Some(place) = place {
            self.virtual_services[place] = Some(findings);
        }
    }

    /// Remembers what was found.
    pub(crate) fn set_destination_rule(&mut self, place: usize, of: OfRule) {
        self.destination_rules[place] = Some(of);
    }
}
