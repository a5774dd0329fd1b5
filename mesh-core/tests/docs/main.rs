//! The documentation is correct: its support page is made from the decoder's tables, its links lead somewhere, its
//! codes, metrics and commands exist.

mod sources;
mod support;

use std::path::{Path, PathBuf};

use mesh_core::analysis::Code;
use mesh_core::api::Documents;
use mesh_core::plan::{AccessLogTarget, CompileOptions, compile};

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

/// The first topics of newcomers have a page, and the README leads there.
#[test]
fn the_readme_leads_to_the_pages_of_each_task() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("text");
    for page in ["grpc", "metrics", "access-log", "errors", "test-kit"].map(|page| format!("docs/{page}.md"))
    {
        assert!(root().join(&page).is_file() && readme.contains(&format!("]({page})")), "{page}");
    }
}

/// AL-5: the page shows a mesh config, and the reader takes the format in it.
#[test]
fn al_5_the_log_of_the_page_is_read_as_it_stands() {
    let page = std::fs::read_to_string(root().join("docs/access-log.md")).expect("text");
    let (_, yaml) = page.split_once("```yaml\n").expect("an example");
    let (yaml, _) = yaml.split_once("```").expect("its end");
    let (documents, found) = Documents::parse([("mesh.yaml", yaml)]);
    assert!(found.is_empty(), "{found}");
    let compiled = compile(&documents, &CompileOptions::default(), None);
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.diagnostics);
    let (_, target) = compiled.plan.settings.access_log.as_ref().expect("it is on");
    assert_eq!(*target, AccessLogTarget::Stdout);
}

/// With line tables the program that the README builds would be some 100 MB.
#[test]
fn the_build_of_the_readme_has_no_line_tables() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("text");
    assert!(read("README.md").contains("cargo run --release -p mesh-proxy-bin"), "it is this profile");
    let workspace = read("Cargo.toml");
    let (_, profile) = workspace.split_once("[profile.release]\n").expect("the profile");
    let profile: Vec<&str> = profile.lines().take_while(|line| !line.starts_with('[')).collect();
    let strips = ["strip = \"debuginfo\"", "strip = \"symbols\"", "strip = true"];
    assert!(profile.iter().any(|line| strips.contains(line)), "{profile:?}");
    assert!(!profile.iter().any(|line| line.starts_with("debug")), "{profile:?}");
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
