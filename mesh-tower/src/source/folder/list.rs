//! The files of a folder that are read (Y-1), and findings about folders.

use std::path::{Path, PathBuf};

use mesh_core::analysis::{Code, Diagnostic, Diagnostics};
use mesh_core::error::Origin;

/// The content of a folder.
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
/// A file that cannot be read is a finding; the other files are read.
///
/// # Errors
/// If a folder cannot be listed; the text names it.
pub fn read_folder(folder: &Path) -> Result<Folder, String> {
    let Listed { files: mut texts, findings, empty } = list(folder, &mut |path| match std::fs::read(path) {
        Ok(bytes) => Some(text_of(path, bytes).map(|text| (path.display().to_string(), text))),
        Err(error) => unreadable(path, &error).map(Err),
    })?;
    texts.sort();
    Ok(Folder { texts, findings, empty })
}

/// The content of a folder, each file as `read` returned it.
#[derive(Debug)]
pub(super) struct Listed<F> {
    /// In no order.
    pub(super) files: Vec<F>,
    pub(super) findings: Diagnostics,
    /// Sorted.
    pub(super) empty: Vec<String>,
}

/// Calls `read` with each file: it returns the file, or the reason why it cannot be read, or nothing if it is gone.
pub(super) fn list<F>(
    folder: &Path,
    read: &mut dyn FnMut(&Path) -> Option<Result<F, Diagnostic>>,
) -> Result<Listed<F>, String> {
    if folder.is_file() {
        let inside = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        let inside = inside.unwrap_or(Path::new(".")).display();
        return Err(format!("{} is a file: name the folder that it is in, {inside}", folder.display()));
    }
    let mut found = Listed { files: Vec::new(), findings: Diagnostics::new(), empty: Vec::new() };
    collect(folder, &mut Vec::new(), &mut found, read)
        .map_err(|(path, error)| format!("{}: {error}", path.display()))?;
    found.empty.sort();
    if found.files.is_empty() && found.findings.is_empty() {
        found.findings.push(nothing_in(&folder.display().to_string()));
    }
    Ok(found)
}

/// The finding about a folder without files.
pub(crate) fn nothing_in(folder: &str) -> Diagnostic {
    let origin = Origin { file: folder.into(), ..Origin::default() };
    let message = "there is no .yaml, .yml or .json file in this folder";
    Diagnostic::new(Code::NothingToRead, origin, message)
}

fn collect<F>(
    folder: &Path,
    above: &mut Vec<PathBuf>,
    found: &mut Listed<F>,
    read: &mut dyn FnMut(&Path) -> Option<Result<F, Diagnostic>>,
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
            let before = (found.files.len(), found.findings.len());
            collect(&path, above, found, read)?;
            if before == (found.files.len(), found.findings.len()) {
                found.empty.push(path.display().to_string());
            }
        } else if path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json") {
            match read(&path) {
                Some(Ok(file)) => found.files.push(file),
                Some(Err(finding)) => found.findings.push(finding),
                None => {}
            }
        }
    }
    above.pop();
    Ok(())
}

/// The text of a file.
pub(super) fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        of_file(path, line, "is not UTF-8 text".to_owned()).hint("save it as UTF-8")
    })
}

/// The finding about a file that cannot be read. None if the file went away between listing and reading: the next event
/// brings the new state.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Option<Diagnostic> {
    let is_gone = error.kind() == std::io::ErrorKind::NotFound;
    (!is_gone).then(|| of_file(path, 0, format!("cannot be read: {error}")))
}

/// An error about a file as a whole: on a reload, its last good version stays (Y-12).
fn of_file(path: &Path, line: u32, message: String) -> Diagnostic {
    let file = path.display().to_string().into();
    let origin = Origin { file, line, column: u32::from(line > 0), ..Origin::default() };
    Diagnostic::new(Code::SchemaValidationError, origin, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str =
        "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {ports: [{name: http, port: 80}]}\n";

    #[test]
    fn y_1_a_file_in_place_of_a_folder_is_told_what_would_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, SERVICE).unwrap();
        let (file, folder) = (file.display(), folder.path().display());
        let error = read_folder(Path::new(&file.to_string())).unwrap_err();
        assert_eq!(error, format!("{file} is a file: name the folder that it is in, {folder}"));
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
        let files: Vec<_> = found.findings.iter().map(|finding| finding.origin.file.to_string()).collect();
        assert!(
            files.len() == 2 && files.iter().all(|file| file.ends_with("/self") || file.ends_with("/up"))
        );
    }
}
