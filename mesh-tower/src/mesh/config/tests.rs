//! What a folder that changes leaves in force (Y-12, OP-5).

use std::path::{Path, PathBuf};

use mesh_core::api::Strictness;
use mesh_core::plan::WorkloadSource;

use super::*;
use crate::source::FolderSource;

const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {ports: [{name: http, port: 80}]}\n";

fn of(folder: impl Into<PathBuf>) -> Configuration {
    let options =
        CompileOptions { workload: WorkloadSource::Named("web".into()), ..CompileOptions::default() };
    let source = FolderSource::new(folder, Strictness::Strict);
    Configuration::new(Place::Folder(source.place()), options)
}

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
    let mut configuration = of(folder.path());
    let (seen, status) = hosts(configuration.reload());
    assert_eq!(seen, [true, false]);
    let finding = status.diagnostics.iter().find(|finding| finding.is_error()).unwrap();
    assert!(finding.origin.file.ends_with("b.yaml"), "{finding:#}");
    assert_eq!((finding.origin.line, finding.message.as_str()), (2, "is not UTF-8 text"));
    write("b.yaml", service("b").as_bytes());
    assert_eq!(hosts(configuration.reload()).0, [true, true]);
    write("b.yaml", latin);
    let (seen, status) = hosts(configuration.reload());
    assert_eq!(seen, [true, true], "what it said stays");
    assert_eq!(status.stale_resources, ["Service default/b"]);
    assert!(matches!(configuration.reload(), Outcome::Unchanged));
}

#[test]
fn op_5_a_reading_does_not_replace_a_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| std::fs::write(folder.path().join("a.yaml"), SERVICE.replace("NAME", name));
    let mut configuration = of(folder.path());
    let Place::Folder(place) = &configuration.place else { panic!("it is a folder") };
    let place = place.clone();
    write("a").unwrap();
    let earlier = place.news(0).unwrap().unwrap();
    write("b").unwrap();
    let later = place.news(0).unwrap().unwrap();
    assert_eq!(hosts(configuration.documents(later)).0, [false, true]);
    assert!(matches!(configuration.documents(earlier), Outcome::Unchanged));
}

#[test]
fn op_5_a_reload_takes_a_reading_that_is_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| std::fs::write(folder.path().join("a.yaml"), SERVICE.replace("NAME", name));
    write("a").unwrap();
    let mut configuration = of(folder.path());
    assert_eq!(hosts(configuration.reload()).0, [true, false]);
    let Place::Folder(place) = &configuration.place else { panic!("it is a folder") };
    let place = place.clone();
    write("b").unwrap();
    let on_its_way = place.news(0).unwrap().unwrap();
    assert_eq!(hosts(configuration.reload()).0, [false, true]);
    assert!(matches!(configuration.documents(on_its_way), Outcome::Unchanged));
    assert!(matches!(configuration.reload(), Outcome::Unchanged));
}

#[test]
fn op_5_a_failed_reading_does_not_count_after_a_later_one() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("mesh");
    let mut configuration = of(folder.clone());
    let Place::Folder(shared) = &configuration.place else { panic!("it is a folder") };
    let error = shared.clone().news(0).unwrap().unwrap_err();
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.yaml"), SERVICE.replace("NAME", "a")).unwrap();
    assert_eq!(hosts(configuration.reload()).0, [true, false]);
    assert!(matches!(configuration.failed(&error), Outcome::Unchanged));
}

#[test]
fn y_12_a_folder_that_can_be_read_again_is_no_longer_rejected() {
    let place = tempfile::tempdir().unwrap();
    let (folder, away) = (place.path().join("mesh"), place.path().join("away"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.yaml"), SERVICE.replace("NAME", "a")).unwrap();
    let mut configuration = of(folder.clone());
    assert!(matches!(configuration.reload(), Outcome::Applied(..)));
    std::fs::rename(&folder, &away).unwrap();
    assert!(matches!(configuration.reload(), Outcome::Rejected(_)));
    std::fs::rename(&away, &folder).unwrap();
    let (_, status) = hosts(configuration.reload());
    assert_eq!(status.rejected, None);
    assert!(matches!(configuration.reload(), Outcome::Unchanged));
}

/// What a folder that loads these files, then changes, has of the hosts `a` and `b`.
fn after(change: impl Fn(&Path)) -> (Vec<bool>, Status) {
    let folder = tempfile::tempdir().expect("the folder is ours");
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).expect("the folder is ours");
    std::fs::write(folder.path().join("a.yaml"), SERVICE.replace("NAME", "a")).expect("the folder is ours");
    std::fs::write(inner.join("b.yaml"), SERVICE.replace("NAME", "b")).expect("the folder is ours");
    let mut configuration = of(folder.path());
    assert_eq!(hosts(configuration.reload()).0, [true, true]);
    change(folder.path());
    let (seen, status) = hosts(configuration.reload());
    if folder.path().read_dir().expect("the folder is ours").next().is_some() {
        // And for as long as it lasts.
        let other = "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n";
        std::fs::write(folder.path().join("other.yaml"), other).expect("the folder is ours");
        assert_eq!(hosts(configuration.reload()).0, seen);
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
