//! What the sources promise.

use std::path::PathBuf;

use mesh_core::analysis::Code;

use super::root;

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
