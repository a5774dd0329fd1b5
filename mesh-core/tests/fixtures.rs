//! Documents as users write them, good ones and broken ones.
//!
//! The first lines of each broken file list its findings, exactly and completely:
//!
//! ```text
//! # expect: IST0106 14:7 unknown field `retrys`
//! # hint: did you mean `retries`?
//! ```
//! `MESH0002!` says that the finding forbids the whole configuration.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_core::analysis::Diagnostic;
use mesh_core::api::Documents;

fn fixtures(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(folder);
    let mut files: Vec<_> = fs::read_dir(root)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("text"))).collect()
}

fn found(diagnostic: &Diagnostic) -> String {
    let place = &diagnostic.origin;
    let closed = if diagnostic.fail_closed { "!" } else { "" };
    let mut text =
        format!("{}{closed} {}:{} {}", diagnostic.code, place.line, place.column, diagnostic.message);
    if let Some(hint) = &diagnostic.hint {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    text
}

fn expected(text: &str) -> Vec<String> {
    let mut expected: Vec<String> = Vec::new();
    for line in text.lines().map_while(|line| line.strip_prefix("# ")) {
        if let Some(finding) = line.strip_prefix("expect: ") {
            expected.push(finding.to_owned());
        } else if let (Some(_), Some(last)) = (line.strip_prefix("hint: "), expected.last_mut()) {
            last.push('\n');
            last.push_str(line);
        }
    }
    expected
}

#[test]
fn y_11_each_broken_file_gives_exactly_its_findings() {
    let files = fixtures("broken");
    assert!(files.len() >= 40, "{} files", files.len());
    let mut wrong = Vec::new();
    for (path, text) in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (_, diagnostics) = Documents::parse([(name, text)]);
        let found: Vec<String> = diagnostics.iter().map(found).collect();
        let expected = expected(text);
        assert!(!expected.is_empty(), "{name} expects nothing");
        if found != expected {
            wrong.push(format!("{name}\n  found: {found:#?}\n  expected: {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_files_give_no_finding_at_all() {
    let files = fixtures("good");
    assert!(files.len() >= 4, "{} files", files.len());
    for (path, text) in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (documents, diagnostics) = Documents::parse([(name, text)]);
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        assert_ne!(documents, Documents::default(), "{name} has nothing in it");
    }
}
