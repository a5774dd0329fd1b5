//! From files to a plan, with the last good rule (Y-12).

#[cfg(feature = "file")]
use std::path::{Path, PathBuf};

use std::sync::Arc;

use mesh_core::analysis::{Diagnostics, Level};
use mesh_core::api::Documents;
#[cfg(feature = "file")]
use mesh_core::api::decode::Strictness;
use mesh_core::plan::{CompileOptions, Loaded, Plan, load};

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The `.yaml`, `.yml` and `.json` files of a folder and its sub-folders (Y-1).
    #[cfg(feature = "file")]
    Folder(PathBuf),
    /// Documents made in code.
    Documents(Box<Documents>),
}

/// What the latest load found.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The generation in force.
    pub generation: u64,
    /// Findings about the latest files, in force or not.
    pub diagnostics: Diagnostics,
    /// Resources, as `Kind namespace/name`, whose last good version stays in force.
    pub stale_resources: Vec<String>,
    /// Hosts that keep earlier rules because their new ones are broken.
    pub stale_hosts: Vec<String>,
    /// Why the latest files are not in force as a whole, if they are not.
    pub rejected: Option<String>,
}

/// The source and what was last read of it.
#[derive(Debug)]
pub(super) struct Configuration {
    source: Source,
    options: CompileOptions,
    #[cfg(feature = "file")]
    texts: Option<Vec<(String, String)>>,
    loaded: Option<Loaded>,
}

/// The outcome of a load.
pub(super) enum Outcome {
    Applied(Arc<Plan>, Status),
    #[cfg_attr(not(feature = "file"), expect(dead_code, reason = "only files can be read again"))]
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
    pub(super) fn new(source: Source, options: CompileOptions) -> Self {
        Self {
            source,
            options,
            #[cfg(feature = "file")]
            texts: None,
            loaded: None,
        }
    }

    #[cfg(feature = "file")]
    pub(super) fn folder(&self) -> Option<&Path> {
        match &self.source {
            Source::Folder(folder) => Some(folder),
            Source::Documents(_) => None,
        }
    }

    /// The next load compiles these documents.
    pub(super) fn replace(&mut self, documents: Documents) {
        self.source = Source::Documents(Box::new(documents));
    }

    /// Reads and compiles; keeps what is last known to be good.
    pub(super) fn load(&mut self) -> Outcome {
        let (documents, findings) = match &self.source {
            Source::Documents(documents) => ((**documents).clone(), Diagnostics::new()),
            #[cfg(feature = "file")]
            Source::Folder(folder) => {
                let texts = match read_folder(folder) {
                    Ok(texts) => texts,
                    Err(error) => return self.reject(error, Diagnostics::new()),
                };
                if self.texts.as_ref() == Some(&texts) {
                    return Outcome::Unchanged;
                }
                let strictness =
                    if self.options.istio_runtime { Strictness::Lenient } else { Strictness::Strict };
                let files = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
                let parsed = Documents::parse_with(files, strictness);
                self.texts = Some(texts);
                parsed
            }
        };
        match load(documents, findings, &self.options, self.loaded.as_ref()) {
            Ok(loaded) => {
                log(&loaded.diagnostics);
                let status = Status {
                    generation: loaded.plan.generation,
                    diagnostics: loaded.diagnostics.clone(),
                    stale_resources: loaded.stale_resources.iter().cloned().collect(),
                    stale_hosts: loaded.stale_hosts.iter().cloned().collect(),
                    rejected: None,
                };
                let plan = loaded.plan.clone();
                self.loaded = Some(loaded);
                Outcome::Applied(plan, status)
            }
            Err(diagnostics) => {
                log(&diagnostics);
                let reason = if diagnostics.fail_closed().is_some() {
                    "a security resource cannot be honoured"
                } else {
                    "there are errors, and strictness was asked for"
                };
                self.reject(reason.to_owned(), diagnostics)
            }
        }
    }

    fn reject(&self, reason: String, diagnostics: Diagnostics) -> Outcome {
        let generation = self.loaded.as_ref().map_or(0, |loaded| loaded.plan.generation);
        Outcome::Rejected(Status { generation, diagnostics, rejected: Some(reason), ..Status::default() })
    }
}

fn log(diagnostics: &Diagnostics) {
    for finding in diagnostics.iter() {
        match finding.level {
            Level::Error => tracing::error!("{finding:#}"),
            Level::Warning => tracing::warn!("{finding:#}"),
            Level::Info => tracing::info!("{finding:#}"),
        }
    }
}

/// The configuration files of a folder and its sub-folders (Y-1): names, as the user named the folder, and
/// texts, sorted by name.
///
/// # Errors
/// If the folder or a file cannot be read; the text names it.
#[cfg(feature = "file")]
pub fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let mut texts = Vec::new();
    collect(folder, &mut texts).map_err(|(path, error)| format!("{}: {error}", path.display()))?;
    texts.sort();
    Ok(texts)
}

#[cfg(feature = "file")]
fn collect(folder: &Path, texts: &mut Vec<(String, String)>) -> Result<(), (PathBuf, std::io::Error)> {
    let at = |error| (folder.to_owned(), error);
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            // Kubernetes mounts keep the real files behind `..data`; the visible links are read.
            continue;
        }
        if path.is_dir() {
            collect(&path, texts)?;
        } else if path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json") {
            match std::fs::read_to_string(&path) {
                Ok(text) => texts.push((path.display().to_string(), text)),
                // Gone between listing and reading: the next event brings the new state.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err((path, error)),
            }
        }
    }
    Ok(())
}
