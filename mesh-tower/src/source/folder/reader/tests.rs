//! A reading reads only changed files, and equals a first reading.

use std::time::Duration;

use mesh_core::rng::Rng as _;
use tempfile::TempDir;

use super::super::list::read_folder;
use super::*;
use crate::clock::FastRng;

/// When every stamp counts.
fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

/// The files that were read and those that were decoded, by the last part of their names.
fn effort(reading: &Reading) -> [Vec<&str>; 2] {
    let last = |name: &'_ String| name.rfind('/').map_or(0, |at| at + 1);
    [&reading.effort.read, &reading.effort.decoded].map(|names| {
        let mut names: Vec<_> = names.iter().map(|name| &name[last(name)..]).collect();
        names.sort_unstable();
        names
    })
}

/// Returns after the next tick of the file system's clock: a file that is written then has another stamp.
fn next_tick(folder: &TempDir) {
    let modified = || {
        let probe = folder.path().join(".probe");
        fs::write(&probe, "").unwrap();
        fs::metadata(probe).unwrap().modified().unwrap()
    };
    let before = modified();
    while modified() == before {}
}

fn service(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n"
    )
}

#[test]
fn op_5_only_what_was_written_is_read_and_only_what_is_other_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.yaml", &service("a"));
    write("b.yaml", &service("b"));
    let mut reader = FolderReader::new(folder.path(), Strictness::Strict);
    let first = reader.read_at(later()).unwrap();
    assert_eq!(effort(&first), [["a.yaml", "b.yaml"], ["a.yaml", "b.yaml"]]);
    let again = reader.read_at(later()).unwrap();
    assert_eq!(effort(&again), [[""; 0]; 2]);
    assert!(again.is_as(&first));
    next_tick(&folder);
    write("a.yaml", &service("a"));
    let touched = reader.read_at(later()).unwrap();
    assert_eq!(effort(&touched), [vec!["a.yaml"], vec![]]);
    assert!(touched.is_as(&first), "it says the same");
    next_tick(&folder);
    write("b.yaml", &service("c"));
    let changed = reader.read_at(later()).unwrap();
    assert_eq!(effort(&changed), [["b.yaml"], ["b.yaml"]]);
    assert!(!changed.is_as(&first));
    let (before, after) = (first.documents().0, changed.documents().0);
    assert!(after.services[0].is_same(&before.services[0]), "an unchanged resource is shared");
}

#[test]
fn op_5_a_file_that_is_written_twice_in_one_moment_is_read_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = FolderReader::new(folder.path(), Strictness::Strict);
    for round in 0..50 {
        // As many bytes each time, and within one tick of the file system's clock more often than not.
        let name = format!("a{}", round % 10);
        fs::write(folder.path().join("a.yaml"), service(&name)).unwrap();
        let reading = reader.read().unwrap();
        assert_eq!(reading.documents().0.services[0].meta.name, name);
        assert_eq!(reading.effort.read.len(), 1);
    }
    assert_eq!(reader.read().unwrap().effort.read.len(), 1, "it may have been written since");
}

#[test]
fn op_5_a_folder_that_comes_back_is_not_decoded_again() {
    let place = tempfile::tempdir().unwrap();
    let (folder, away) = (place.path().join("mesh"), place.path().join("away"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), service("a")).unwrap();
    let mut reader = FolderReader::new(&folder, Strictness::Strict);
    let first = reader.read().unwrap();
    fs::rename(&folder, &away).unwrap();
    assert!(reader.read().unwrap_err().contains("mesh"));
    fs::rename(&away, &folder).unwrap();
    let again = reader.read().unwrap();
    assert!(again.is_as(&first) && again.effort.decoded.is_empty());
}

/// A folder as users and Kubernetes change it.
struct Edited {
    folder: TempDir,
    rng: FastRng,
    releases: usize,
}

impl Edited {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("mesh/inner")).unwrap();
        let mut edited = Self { folder, rng: FastRng::seeded(seed), releases: 0 };
        edited.release();
        for _ in 0..4 {
            edited.write();
        }
        edited
    }

    fn mesh(&self) -> PathBuf {
        self.folder.path().join("mesh")
    }

    fn draw(&mut self, below: u64) -> usize {
        usize::try_from(self.rng.next_u64() % below).unwrap()
    }

    /// Some names are drawn again and again, so that they are written twice: in one file, in several, or as a
    /// mesh config that another one beats.
    fn text(&mut self) -> String {
        let documents: Vec<String> = (0..=self.draw(3)).map(|_| self.document()).collect();
        documents.join("---\n")
    }

    fn document(&mut self) -> String {
        let name = format!("n{}", self.draw(5));
        match self.draw(9) {
            0 => "apiVersion: [\n".to_owned(),
            1 => format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n\
                 spec: {{hosts: [{name}], htp: []}}\n"
            ),
            2 => format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n\
                 spec: {{hosts: [{name}], http: [{{route: [{{destination: {{host: {name}}}}}]}}]}}\n"
            ),
            3 => format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\n\
                 data: {{mesh: '{}', meshNetworks: 'networks: {{a: {{}}}}'}}\n",
                ["rootNamespace: root", "trustDomain: a.b\n---\nrootNamespace: two", "rootNamspace: x", "["]
                    [self.draw(4)]
            ),
            4 => {
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndate: 1\n"
                    .to_owned()
            }
            5 => "# nothing\n".to_owned(),
            _ => service(&name),
        }
    }

    fn file(&mut self) -> PathBuf {
        const NAMES: [&str; 6] = ["a.yaml", "b.yml", "inner/c.yaml", "inner/a.json", "mesh.yaml", "z.yaml"];
        let file = NAMES[self.draw(6)];
        self.mesh().join(file)
    }

    fn write(&mut self) {
        let (file, text) = (self.file(), self.text());
        let bare =
            ["rootNamespace: bare\n", "trustDomain: c.d\n---\nrootNamespace: two\n", "rootNamspace: b\n"];
        let is_bare = file.ends_with("mesh.yaml") && self.draw(2) == 0;
        let text = if is_bare { bare[self.draw(3)].to_owned() } else { text };
        fs::write(file, text).unwrap();
    }

    /// As Kubernetes updates a mounted ConfigMap: a new folder, to which a link is swapped.
    fn release(&mut self) {
        let (mesh, text) = (self.mesh(), self.text());
        self.releases += 1;
        let real = format!("..release-{}", self.releases);
        fs::create_dir(mesh.join(&real)).unwrap();
        fs::write(mesh.join(&real).join("m.yaml"), text).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&real, mesh.join("..data_tmp")).unwrap();
            fs::rename(mesh.join("..data_tmp"), mesh.join("..data")).unwrap();
            let visible = mesh.join("m.yaml");
            if !visible.is_symlink() {
                std::os::unix::fs::symlink("..data/m.yaml", visible).unwrap();
            }
        }
    }

    fn edit(&mut self) {
        let (one, other) = (self.file(), self.file());
        // One that is not there is left so.
        let text = fs::read(&one).unwrap_or_default();
        match self.draw(8) {
            0 if one.exists() => fs::write(one, text).unwrap(),
            1 if one.exists() => fs::write(one, &text[..text.len() / 2]).unwrap(),
            2 if one.exists() => fs::rename(one, other).unwrap(),
            3 if one.exists() => fs::remove_file(one).unwrap(),
            4 => self.release(),
            5 => fs::write(one, b"# caf\xe9\n").unwrap(),
            6 if text.len() > 9 => {
                // As many bytes as before, at the time that it had before.
                let modified = fs::metadata(&one).unwrap().modified().unwrap();
                fs::write(&one, text.to_ascii_uppercase()).unwrap();
                fs::File::options().write(true).open(one).unwrap().set_modified(modified).unwrap();
            }
            _ => self.write(),
        }
    }
}

/// OP-5, Y-1: whatever happens to the files, and however much of it between two looks.
#[test]
fn op_5_a_reading_of_changed_files_equals_a_full_reading() {
    for seed in 0..4 {
        let mut edited = Edited::new(seed);
        let mut reader = FolderReader::new(edited.mesh(), Strictness::Strict);
        let mut decoded = 0;
        for step in 0..100 {
            // A stamp that counts is of a time that is over.
            let now = if step % 3 == 0 { SystemTime::now() } else { later() };
            let reading = reader.read_at(now).unwrap();
            next_tick(&edited.folder);
            decoded += reading.effort.decoded.len();
            let (documents, mut findings) = reading.documents();
            findings.sort();
            let whole = read_folder(&edited.mesh()).unwrap();
            let (expected, mut found) = Documents::parse(whole.texts);
            found.append(whole.findings);
            found.sort();
            assert_eq!(reading.empty, whole.empty, "seed {seed}, step {step}");
            assert_eq!(findings, found, "seed {seed}, step {step}");
            assert_eq!(documents, expected, "seed {seed}, step {step}");
            for _ in 0..=edited.draw(3) {
                edited.edit();
            }
        }
        assert!(decoded < 300, "{decoded}: not all of them are decoded each time");
    }
}
