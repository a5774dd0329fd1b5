//! The codes, metrics and commands of the sources.

use std::path::{Path, PathBuf};

use mesh_core::analysis::Code;

use super::{pages, root};

/// The sources of the three crates without their tests, by path.
fn sources() -> Vec<(PathBuf, String)> {
    let (mut folders, mut sources) = (Vec::new(), Vec::new());
    folders.extend(["mesh-core", "mesh-tower", "mesh-proxy-bin"].map(|one| root().join(one).join("src")));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let text = std::fs::read_to_string(&path).expect("text");
                sources.push((path, text));
            }
        }
    }
    sources
}

/// AN-2: a code that nothing produces is a promise that is not kept.
#[test]
fn an_2_every_code_is_produced() {
    let sources = sources();
    let is_produced = |code: &&Code| {
        let name = format!("Code::{}", code.name());
        sources.iter().any(|(path, text)| !path.ends_with("code.rs") && text.contains(&name))
    };
    let unused: Vec<_> = Code::ALL.iter().filter(|code| !is_produced(code)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

/// ME-1: the same of a metric. One is counted by its constant, or by its name, whole or after its cluster's prefix.
#[test]
fn me_1_every_metric_that_is_described_is_counted() {
    let sources = sources();
    let is_names = |path: &Path| path.ends_with("telemetry/names.rs") || path.ends_with("http/names.rs");
    let (names, others): (Vec<_>, Vec<_>) = sources.iter().partition(|(path, _)| is_names(path));
    assert_eq!(names.len(), 2, "the names of metrics");
    let others: Vec<&str> = others.iter().map(|(_, text)| text.as_str()).collect();
    let is_word = |text: &str, word: &str| {
        let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let bytes = text.as_bytes();
        let mut places = text.match_indices(word);
        places.any(|(at, _)| !part(bytes[..at].last()) && !part(bytes.get(at + word.len())))
    };
    let (mut known, mut uncounted) = (0, Vec::new());
    for line in names.iter().flat_map(|(_, text)| text.lines()).map(str::trim_start) {
        let Some(name) = line.split('"').nth(1) else { continue };
        let is_metric = ["istio_", "mesh_", "envoy_"].iter().any(|start| {
            name.strip_prefix(start).is_some_and(|rest| !rest.is_empty() && !rest.contains(' '))
        });
        let constant = line.strip_prefix("pub const ").and_then(|rest| rest.split(':').next());
        let short = name.strip_prefix("envoy_cluster_").unwrap_or(name);
        let words: Vec<&str> = constant.into_iter().chain([name, short]).collect();
        let is_counted = |text: &&str| words.iter().any(|word| is_word(text, word));
        known += usize::from(is_metric);
        if is_metric && !others.iter().any(is_counted) {
            uncounted.push(name);
        }
    }
    assert!(uncounted.is_empty(), "{uncounted:?}");
    assert!(known > 40, "{known}");
}

/// Neither pages nor comments speak of a command that the program lacks.
#[test]
fn commands_that_are_named_exist() {
    let sources = sources();
    let commands = &sources.iter().find(|(path, _)| path.ends_with("cli.rs")).expect("the command line").1;
    let (_, commands) = commands.split_once("enum Command {").expect("its commands");
    let commands = commands.split("\n}").next().expect("their end").to_lowercase();
    for (path, text) in pages().iter().chain(&sources) {
        for command in text.split("`mesh-proxy ").skip(1).filter_map(|rest| rest.split([' ', '`']).next()) {
            let is_known = command.starts_with('-') || commands.contains(&format!("    {command}("));
            assert!(is_known, "{}: mesh-proxy {command}", path.display());
        }
    }
}
