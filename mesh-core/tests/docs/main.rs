//! The documentation says what is so: its support page is made from the decoder's tables, its links lead
//! somewhere, its codes exist.

mod sources;
mod support;

use std::path::{Path, PathBuf};

use mesh_core::analysis::Code;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages of the documentation, with their texts.
fn pages() -> Vec<(PathBuf, String)> {
    let folders = ["", "docs", "docs/adr", "examples"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("the folder is there"));
    let paths = files.map(|file| file.expect("readable").path());
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.clone(), std::fs::read_to_string(path).expect("text"))).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in pages() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let outside = link.contains("://") || link.is_empty();
            if !outside && !path.parent().unwrap().join(link).exists() {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn codes_that_are_explained_exist() {
    for (path, text) in pages() {
        for code in text.split("`MESH").skip(1).filter_map(|rest| rest.split('`').next()) {
            let code = format!("MESH{code}");
            let known = Code::ALL.iter().any(|known| known.as_str() == code);
            assert!(known || code.contains('_'), "{}: {code}", path.display());
        }
    }
}
