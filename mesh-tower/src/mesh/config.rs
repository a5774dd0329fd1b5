//! From updates to plans, with the last good rule (Y-12).

use std::sync::Arc;

use mesh_core::analysis::{Diagnostics, Level};
use mesh_core::api::Documents;
use mesh_core::plan::{CompileOptions, Loaded, Plan, load};

use super::status::{SourceState, Status};
#[cfg(feature = "file")]
use crate::source::folder::{SharedFolder, nothing_in};
use crate::source::{Said, SourceError};

/// The configuration in force, and its documents.
#[derive(Debug)]
pub(super) struct Configuration {
    options: CompileOptions,
    /// Where a reload that a program asks for reads.
    place: Place,
    /// Whether documents made in code have replaced the source.
    is_replaced: bool,
    /// Number of the latest reading in force.
    reading: u64,
    generation: u64,
    /// The documents in force, from which the next load keeps the last good versions.
    loaded: Option<Loaded>,
}

/// A place that can be read at any time.
#[derive(Debug)]
pub(super) enum Place {
    #[cfg(feature = "file")]
    Folder(SharedFolder),
    Documents(Box<Documents>),
    /// The source alone decides when there is an update.
    Nowhere,
}

/// The outcome of an update.
pub(super) enum Outcome {
    Applied(Arc<Plan>, Status),
    Unchanged,
    Rejected(Status),
}

impl Outcome {
    pub(super) const fn result(&self) -> &'static str {
        match self {
            Self::Applied(..) => "applied",
            Self::Unchanged => "unchanged",
            Self::Rejected(_) => "rejected",
        }
    }
}

impl Configuration {
    pub(super) fn new(place: Place, options: CompileOptions) -> Self {
        Self { options, place, is_replaced: false, reading: 0, generation: 0, loaded: None }
    }

    /// Puts documents in the place of the source.
    pub(super) fn replace(&mut self, documents: Documents) -> Outcome {
        self.is_replaced = true;
        self.place = Place::Documents(documents.into());
        self.reload()
    }

    /// Whether documents made in code have replaced the source.
    pub(super) const fn is_replaced(&self) -> bool {
        self.is_replaced
    }

    /// Reads the place again.
    pub(super) fn reload(&mut self) -> Outcome {
        match &self.place {
            #[cfg(feature = "file")]
            Place::Folder(folder) => match folder.news(self.reading) {
                Some(Ok(said)) => self.documents(said),
                Some(Err(error)) => self.failed(&error),
                None => Outcome::Unchanged,
            },
            Place::Documents(documents) => self.load(Documents::clone(documents), Diagnostics::new()),
            Place::Nowhere => Outcome::Unchanged,
        }
    }

    /// The next reading of the folder is news, even if the folder does not change.
    ///
    /// After a panic in a load: the documents in force are whole, because a load replaces them at its end.
    pub(super) fn forget_reading(&self) {
        #[cfg(feature = "file")]
        if let Place::Folder(folder) = &self.place {
            folder.forget();
        }
    }

    /// Compiles documents; keeps the last good versions.
    pub(super) fn documents(&mut self, said: Said) -> Outcome {
        if said.reading.is_some_and(|reading| reading <= self.reading) {
            return Outcome::Unchanged;
        }
        self.reading = said.reading.unwrap_or(self.reading);
        #[cfg_attr(not(feature = "file"), expect(unused_mut, reason = "only a folder may be empty"))]
        let mut findings = said.findings;
        // A folder that never had anything may be empty.
        #[cfg(feature = "file")]
        {
            let last = self.loaded.as_ref().map(|loaded| &loaded.documents);
            let emptied = said.empty.iter().filter(|place| last.is_some_and(|last| last.has_any_of(place)));
            findings.extend(emptied.map(|place| nothing_in(place)));
        }
        self.load(said.documents, findings)
    }

    /// Takes a plan as it is. Rejects it if a place of a cluster is wrong.
    pub(super) fn plan(&mut self, mut plan: Plan, findings: Diagnostics) -> Outcome {
        log(&findings);
        if findings.fail_closed().is_some() {
            return self.reject(UNHONOURED.to_owned(), findings);
        }
        let wrong = plan.cluster_ids.iter().find(|(key, id)| {
            let node = plan.cluster(**id);
            node.is_none_or(|node| node.policy.key != **key)
        });
        if let Some((key, _)) = wrong {
            return self
                .reject(format!("the plan has no cluster {key} at the place that it names"), findings);
        }
        self.generation += 1;
        plan.generation = self.generation;
        self.loaded = None;
        let status = Status { generation: self.generation, diagnostics: findings, ..Status::default() };
        Outcome::Applied(Arc::new(plan), status)
    }

    fn load(&mut self, documents: Documents, findings: Diagnostics) -> Outcome {
        match load(documents, findings, &self.options, self.loaded.as_ref()) {
            Ok(mut loaded) => {
                log(&loaded.diagnostics);
                self.generation += 1;
                if loaded.plan.generation != self.generation {
                    // The source yielded compiled plans before.
                    Arc::make_mut(&mut loaded.plan).generation = self.generation;
                }
                let status = Status {
                    generation: self.generation,
                    diagnostics: loaded.diagnostics.clone(),
                    stale_resources: loaded.stale_resources.iter().cloned().collect(),
                    stale_hosts: loaded.stale_hosts.iter().cloned().collect(),
                    ..Status::default()
                };
                let plan = loaded.plan.clone();
                self.loaded = Some(loaded);
                Outcome::Applied(plan, status)
            }
            Err(diagnostics) => {
                log(&diagnostics);
                let reason = if diagnostics.fail_closed().is_some() {
                    UNHONOURED
                } else {
                    "there are errors, and strictness was asked for"
                };
                self.reject(reason.to_owned(), diagnostics)
            }
        }
    }

    /// The source has failed. A failed reading does not count after a later one.
    pub(super) fn failed(&self, error: &SourceError) -> Outcome {
        if error.reading.is_some_and(|reading| reading <= self.reading) {
            return Outcome::Unchanged;
        }
        let (generation, source) = (self.generation, SourceState::Failing);
        Outcome::Rejected(Status {
            generation,
            source,
            rejected: Some(error.to_string()),
            ..Status::default()
        })
    }

    fn reject(&self, reason: String, diagnostics: Diagnostics) -> Outcome {
        let generation = self.generation;
        Outcome::Rejected(Status { generation, diagnostics, rejected: Some(reason), ..Status::default() })
    }
}

const UNHONOURED: &str = "a security resource cannot be honoured";

fn log(diagnostics: &Diagnostics) {
    for finding in diagnostics.iter() {
        match finding.level {
            Level::Error => tracing::error!("{finding:#}"),
            Level::Warning => tracing::warn!("{finding:#}"),
            Level::Info => tracing::info!("{finding:#}"),
        }
    }
}

#[cfg(all(test, feature = "file"))]
mod tests;
