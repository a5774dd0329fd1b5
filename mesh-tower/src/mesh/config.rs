//! From files to a plan, with the last good rule (Y-12).

#[cfg(feature = "file")]
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mesh_core::analysis::{Diagnostics, Level};
use mesh_core::api::Documents;
#[cfg(feature = "file")]
use mesh_core::api::Strictness;
use mesh_core::plan::{CompileOptions, Loaded, Plan, load};

#[cfg(feature = "file")]
use crate::source::folder::{FolderReader, Reading, nothing_in};

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
    /// Set if the source is a folder.
    #[cfg(feature = "file")]
    reader: Option<FolderReader>,
    #[cfg(feature = "file")]
    read: Option<Reading>,
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
        #[cfg(feature = "file")]
        let reader = match &source {
            Source::Folder(folder) => {
                let strictness = if options.istio_runtime { Strictness::Lenient } else { Strictness::Strict };
                Some(FolderReader::new(folder, strictness))
            }
            Source::Documents(_) => None,
        };
        Self {
            source,
            options,
            #[cfg(feature = "file")]
            reader,
            #[cfg(feature = "file")]
            read: None,
            loaded: None,
        }
    }

    #[cfg(feature = "file")]
    pub(super) fn folder(&self) -> Option<&Path> {
        self.reader.as_ref().map(FolderReader::folder)
    }

    /// The next load compiles these documents.
    pub(super) fn replace(&mut self, documents: Documents) {
        self.source = Source::Documents(Box::new(documents));
        #[cfg(feature = "file")]
        {
            self.reader = None;
        }
    }

    /// Reads and compiles; keeps what is last known to be good.
    pub(super) fn load(&mut self) -> Outcome {
        let (documents, findings) = match &self.source {
            Source::Documents(documents) => ((**documents).clone(), Diagnostics::new()),
            #[cfg(feature = "file")]
            Source::Folder(_) => {
                let reader = self.reader.as_mut().expect("a folder has a reader");
                let read = match reader.read() {
                    Ok(read) => read,
                    Err(error) => {
                        // What is read next is news, even if it is what was read before.
                        self.read = None;
                        return self.reject(error, Diagnostics::new());
                    }
                };
                if self.read.as_ref().is_some_and(|before| read.is_as(before)) {
                    return Outcome::Unchanged;
                }
                let (documents, mut findings) = read.documents();
                // A folder that never had anything may be empty.
                let last = self.loaded.as_ref().map(|loaded| &loaded.documents);
                let emptied =
                    read.empty.iter().filter(|place| last.is_some_and(|last| last.has_any_of(place)));
                findings.extend(emptied.map(|place| nothing_in(place)));
                self.read = Some(read);
                (documents, findings)
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

#[cfg(all(test, feature = "file"))]
mod tests {
    use mesh_core::plan::WorkloadSource;

    use super::*;

    const SERVICE: &str =
        "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {ports: [{name: http, port: 80}]}\n";

    fn hosts(outcome: Outcome) -> (Vec<bool>, Status) {
        let Outcome::Applied(plan, status) = outcome else { panic!("applied") };
        let table = &plan.outbound[&80];
        (["a", "b"].map(|host| table.host(host).is_some()).into(), status)
    }

    #[test]
    fn y_12_a_file_that_is_no_text_is_left_out_alone_and_keeps_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let service = |name: &str| SERVICE.replace("NAME", name);
        let latin = b"# first line\n# caf\xe9\napiVersion: v1\n";
        write("a.yaml", service("a").as_bytes());
        write("b.yaml", latin);
        let options =
            CompileOptions { workload: WorkloadSource::Named("web".into()), ..CompileOptions::default() };
        let mut configuration = Configuration::new(Source::Folder(folder.path().into()), options);
        let (seen, status) = hosts(configuration.load());
        assert_eq!(seen, [true, false]);
        let finding = status.diagnostics.iter().find(|finding| finding.is_error()).unwrap();
        assert!(finding.origin.file.ends_with("b.yaml"), "{finding:#}");
        assert_eq!((finding.origin.line, finding.message.as_str()), (2, "is not UTF-8 text"));
        write("b.yaml", service("b").as_bytes());
        assert_eq!(hosts(configuration.load()).0, [true, true]);
        write("b.yaml", latin);
        let (seen, status) = hosts(configuration.load());
        assert_eq!(seen, [true, true], "what it said stays");
        assert_eq!(status.stale_resources, ["Service default/b"]);
        assert!(matches!(configuration.load(), Outcome::Unchanged));
    }

    #[test]
    fn y_12_a_folder_that_can_be_read_again_is_no_longer_rejected() {
        let place = tempfile::tempdir().unwrap();
        let (folder, away) = (place.path().join("mesh"), place.path().join("away"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a.yaml"), SERVICE.replace("NAME", "a")).unwrap();
        let options =
            CompileOptions { workload: WorkloadSource::Named("web".into()), ..CompileOptions::default() };
        let mut configuration = Configuration::new(Source::Folder(folder.clone()), options);
        assert!(matches!(configuration.load(), Outcome::Applied(..)));
        std::fs::rename(&folder, &away).unwrap();
        assert!(matches!(configuration.load(), Outcome::Rejected(_)));
        std::fs::rename(&away, &folder).unwrap();
        let (_, status) = hosts(configuration.load());
        assert_eq!(status.rejected, None);
        assert!(matches!(configuration.load(), Outcome::Unchanged));
    }

    /// What a folder that loads these files, then changes, has of the hosts `a` and `b`.
    fn after(change: impl Fn(&Path)) -> (Vec<bool>, Status) {
        let folder = tempfile::tempdir().expect("the folder is ours");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("the folder is ours");
        std::fs::write(folder.path().join("a.yaml"), SERVICE.replace("NAME", "a"))
            .expect("the folder is ours");
        std::fs::write(inner.join("b.yaml"), SERVICE.replace("NAME", "b")).expect("the folder is ours");
        let options =
            CompileOptions { workload: WorkloadSource::Named("web".into()), ..CompileOptions::default() };
        let mut configuration = Configuration::new(Source::Folder(folder.path().into()), options);
        assert_eq!(hosts(configuration.load()).0, [true, true]);
        change(folder.path());
        let (seen, status) = hosts(configuration.load());
        if folder.path().read_dir().expect("the folder is ours").next().is_some() {
            // And for as long as it lasts.
            let other = "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n";
            std::fs::write(folder.path().join("other.yaml"), other).expect("the folder is ours");
            assert_eq!(hosts(configuration.load()).0, seen);
        }
        (seen, status)
    }

    #[test]
    fn y_12_a_folder_whose_last_file_is_gone_keeps_what_they_said() {
        let remove = |path: PathBuf| std::fs::remove_file(path).unwrap();
        let (seen, status) = after(|folder| remove(folder.join("inner/b.yaml")));
        assert_eq!(seen, [true, true]);
        assert_eq!(status.stale_resources, ["Service default/b"]);
        let told = status.diagnostics.iter().find(|finding| finding.is_error()).unwrap();
        assert!(told.origin.file.ends_with("inner") && told.message.contains("stays in force"), "{told:#}");
    }

    #[test]
    fn y_12_an_emptied_folder_keeps_what_its_files_said() {
        let (seen, status) = after(|folder| {
            std::fs::remove_file(folder.join("a.yaml")).unwrap();
            std::fs::remove_dir_all(folder.join("inner")).unwrap();
        });
        assert_eq!(seen, [true, true]);
        assert_eq!(status.stale_resources, ["Service default/a", "Service default/b"]);
    }

    #[test]
    fn y_12_a_file_among_others_and_a_folder_that_are_deleted_take_their_rules_with_them() {
        let (seen, status) = after(|folder| std::fs::remove_file(folder.join("a.yaml")).unwrap());
        assert_eq!((seen, status.stale_resources.len()), (vec![false, true], 0));
        let (seen, status) = after(|folder| std::fs::remove_dir_all(folder.join("inner")).unwrap());
        assert_eq!((seen, status.stale_resources.len()), (vec![true, false], 0));
    }
}
