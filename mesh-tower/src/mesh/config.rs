//! From files to a plan, with the last good rule (Y-12).

#[cfg(feature = "file")]
use std::path::{Path, PathBuf};

use std::sync::Arc;

#[cfg(feature = "file")]
use mesh_core::analysis::{Code, Diagnostic};
use mesh_core::analysis::{Diagnostics, Level};
use mesh_core::api::Documents;
#[cfg(feature = "file")]
use mesh_core::api::decode::Strictness;
#[cfg(feature = "file")]
use mesh_core::error::Origin;
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
    read: Option<Folder>,
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
            read: None,
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
                let read = match read_folder(folder) {
                    Ok(read) => read,
                    Err(error) => {
                        // What is read next is news, even if it is what was read before.
                        self.read = None;
                        return self.reject(error, Diagnostics::new());
                    }
                };
                if self.read.as_ref() == Some(&read) {
                    return Outcome::Unchanged;
                }
                let strictness =
                    if self.options.istio_runtime { Strictness::Lenient } else { Strictness::Strict };
                let files = read.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
                let (documents, mut findings) = Documents::parse_with(files, strictness);
                findings.append(read.findings.clone());
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

/// What a folder holds.
#[cfg(feature = "file")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folder {
    /// Names, as the user named the folder, and texts, sorted by name.
    pub texts: Vec<(String, String)>,
    /// Files that cannot be read; that there is none.
    pub findings: Diagnostics,
    /// Its sub-folders that are there, and in which no file is.
    pub empty: Vec<String>,
}

/// The configuration files of a folder and its sub-folders (Y-1).
///
/// A file that cannot be read is left out, and told of: it must not take the others with it.
///
/// # Errors
/// If a folder cannot be listed; the text names it.
#[cfg(feature = "file")]
pub fn read_folder(folder: &Path) -> Result<Folder, String> {
    if folder.is_file() {
        let inside = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        let inside = inside.unwrap_or(Path::new(".")).display();
        return Err(format!("{} is a file: name the folder that it is in, {inside}", folder.display()));
    }
    let mut found = Folder::default();
    collect(folder, &mut Vec::new(), &mut found)
        .map_err(|(path, error)| format!("{}: {error}", path.display()))?;
    found.texts.sort();
    found.empty.sort();
    if found.texts.is_empty() && found.findings.is_empty() {
        found.findings.push(nothing_in(&folder.display().to_string()));
    }
    Ok(found)
}

#[cfg(feature = "file")]
fn nothing_in(folder: &str) -> Diagnostic {
    let origin = Origin { file: folder.into(), ..Origin::default() };
    let message = "there is no .yaml, .yml or .json file in this folder";
    Diagnostic::new(Code::NothingToRead, origin, message)
}

#[cfg(feature = "file")]
fn collect(
    folder: &Path,
    above: &mut Vec<PathBuf>,
    found: &mut Folder,
) -> Result<(), (PathBuf, std::io::Error)> {
    let at = |error| (folder.to_owned(), error);
    let real = folder.canonicalize().map_err(at)?;
    if above.contains(&real) {
        let origin = Origin { file: folder.display().to_string().into(), ..Origin::default() };
        let message = "this link leads back to a folder above it: not followed";
        found.findings.push(Diagnostic::new(Code::SchemaWarning, origin, message));
        return Ok(());
    }
    above.push(real);
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            // Kubernetes mounts keep the real files behind `..data`; the visible links are read.
            continue;
        }
        if path.is_dir() {
            let before = (found.texts.len(), found.findings.len());
            collect(&path, above, found)?;
            if before == (found.texts.len(), found.findings.len()) {
                found.empty.push(path.display().to_string());
            }
        } else if path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json") {
            match std::fs::read(&path) {
                Ok(bytes) => match String::from_utf8(bytes) {
                    Ok(text) => found.texts.push((path.display().to_string(), text)),
                    Err(error) => found.findings.push(not_text(&path, &error)),
                },
                // Gone between listing and reading: the next event brings the new state.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => found.findings.push(unreadable(&path, 0, format!("cannot be read: {error}"))),
            }
        }
    }
    above.pop();
    Ok(())
}

#[cfg(feature = "file")]
fn not_text(path: &Path, error: &std::string::FromUtf8Error) -> Diagnostic {
    let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
    let message = "is not UTF-8 text".to_owned();
    unreadable(path, u32::try_from(line).unwrap_or(u32::MAX), message).hint("save it as UTF-8")
}

/// An error about a file as a whole: on a reload, what it said before stays (Y-12).
#[cfg(feature = "file")]
fn unreadable(path: &Path, line: u32, message: String) -> Diagnostic {
    let file = path.display().to_string().into();
    let origin = Origin { file, line, column: u32::from(line > 0), ..Origin::default() };
    Diagnostic::new(Code::SchemaValidationError, origin, message)
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

    #[test]
    fn y_1_a_file_in_place_of_a_folder_is_told_what_would_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, SERVICE).unwrap();
        let (file, folder) = (file.display(), folder.path().display());
        let told = read_folder(Path::new(&file.to_string())).unwrap_err();
        assert_eq!(told, format!("{file} is a file: name the folder that it is in, {folder}"));
    }

    #[test]
    fn y_1_an_empty_folder_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes.txt"), "nothing").unwrap();
        let found = read_folder(folder.path()).unwrap();
        assert_eq!(found.findings.as_slice()[0].code, Code::NothingToRead);
        assert!(!found.findings.has_errors());
        assert!(read_folder(&folder.path().join("gone")).unwrap_err().contains("gone"));
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

    #[cfg(unix)]
    #[test]
    fn y_1_a_link_to_a_folder_above_is_not_followed_and_one_aside_is() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, aside) = (folder.path().join("mesh/inner"), folder.path().join("aside"));
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::create_dir(&aside).unwrap();
        std::fs::write(inner.join("a.yaml"), SERVICE).unwrap();
        std::fs::write(aside.join("b.yaml"), SERVICE).unwrap();
        for (to, name) in [(&inner, "self"), (&folder.path().join("mesh"), "up"), (&aside, "aside")] {
            std::os::unix::fs::symlink(to, inner.join(name)).unwrap();
        }
        let found = read_folder(&folder.path().join("mesh")).unwrap();
        assert_eq!(found.texts.len(), 2, "{:?}", found.texts);
        let told: Vec<_> = found.findings.iter().map(|finding| finding.origin.file.to_string()).collect();
        assert!(told.len() == 2 && told.iter().all(|file| file.ends_with("/self") || file.ends_with("/up")));
    }
}
