//! From files to a plan, with the last good rule (Y-12).

#[cfg(feature = "file")]
use std::path::{Path, PathBuf};

use mesh_core::analysis::Diagnostics;
use mesh_core::api::Documents;
use mesh_core::plan::{CompileOptions, Plan, compile};

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
    strict: bool,
    texts: Vec<(String, String)>,
    documents: Option<Documents>,
}

/// The outcome of one load.
pub(super) struct Loaded {
    /// The new plan; `None` if nothing changed or the load was rejected.
    pub(super) plan: Option<Plan>,
    pub(super) status: Status,
}

impl Loaded {
    pub(super) fn result(&self) -> &'static str {
        match (&self.plan, &self.status.rejected) {
            (Some(_), _) => "applied",
            (None, Some(_)) => "rejected",
            (None, None) => "unchanged",
        }
    }
}

impl Configuration {
    pub(super) fn new(source: Source, options: CompileOptions, strict: bool) -> Self {
        Self { source, options, strict, texts: Vec::new(), documents: None }
    }

    #[cfg(feature = "file")]
    pub(super) fn folder(&self) -> Option<&Path> {
        match &self.source {
            Source::Folder(folder) => Some(folder),
            Source::Documents(_) => None,
        }
    }

    /// Reads and compiles. `last_good` is the plan in force.
    pub(super) fn load(&mut self, last_good: Option<&Plan>) -> Loaded {
        let generation = last_good.map_or(0, |plan| plan.generation);
        let rejected = |diagnostics, reason: String| Loaded {
            plan: None,
            status: Status { generation, diagnostics, rejected: Some(reason), ..Status::default() },
        };
        let (documents, mut diagnostics) = match &self.source {
            Source::Documents(documents) => ((**documents).clone(), Diagnostics::new()),
            #[cfg(feature = "file")]
            Source::Folder(folder) => {
                let texts = match read(folder) {
                    Ok(texts) => texts,
                    Err(error) => return rejected(Diagnostics::new(), error),
                };
                if last_good.is_some() && texts == self.texts {
                    let status = Status { generation, ..Status::default() };
                    return Loaded { plan: None, status };
                }
                let files = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
                let parsed = Documents::parse(files);
                self.texts = texts;
                parsed
            }
        };
        let documents = match &self.documents {
            // An invalid resource was dropped alone: its last good version stays in force.
            Some(earlier) => documents.keep_last_good(earlier, &diagnostics),
            None => documents,
        };
        self.options.generation = generation + 1;
        let compiled = compile(&documents, &self.options, last_good);
        let fail_closed = compiled.fail_closed || diagnostics.fail_closed().is_some();
        diagnostics.append(compiled.diagnostics);
        diagnostics.sort();
        for finding in diagnostics.iter() {
            if finding.is_error() { tracing::error!("{finding}") } else { tracing::warn!("{finding}") }
        }
        if fail_closed {
            return rejected(diagnostics, "a security resource cannot be honoured".into());
        }
        if self.strict && diagnostics.has_errors() {
            return rejected(diagnostics, "there are errors, and --strict is given".into());
        }
        self.documents = Some(documents);
        Loaded {
            status: Status {
                generation: compiled.plan.generation,
                diagnostics,
                stale_hosts: compiled.stale_hosts.into_iter().collect(),
                rejected: None,
            },
            plan: Some(compiled.plan),
        }
    }
}

/// The files of a folder, sorted by path, named as the user named the folder.
#[cfg(feature = "file")]
fn read(folder: &Path) -> Result<Vec<(String, String)>, String> {
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
