//! Which changes are news, and when they are over (OP-5).

use notify::event::{CreateKind, DataChange, RemoveKind};
use tokio::time::Instant;

use super::*;

const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
const CLOSED: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));

/// What happens to a file, each time after so many milliseconds, and when the change is over.
async fn takes(events: &'static [(u64, EventKind)]) -> u128 {
    let changes = Arc::new(Changes::default());
    let start = Instant::now();
    let told = changes.clone();
    tokio::spawn(async move {
        for (wait, kind) in events {
            tokio::time::sleep(Duration::from_millis(*wait)).await;
            told.note(Event::new(*kind).add_path("mesh.yaml".into()));
        }
    });
    changes.news.notified().await;
    changes.settled().await;
    assert!(changes.open().is_empty());
    start.elapsed().as_millis()
}

#[tokio::test(start_paused = true)]
async fn op_5_a_file_is_read_when_it_is_closed_and_all_is_quiet() {
    assert_eq!(takes(&[(0, EventKind::Create(CreateKind::Any))]).await, 100);
    assert_eq!(takes(&[(0, WRITTEN), (0, CLOSED)]).await, 100);
    assert_eq!(
        takes(&[(0, WRITTEN), (300, WRITTEN), (500, CLOSED)]).await,
        900,
        "in the middle it stood still"
    );
    assert_eq!(takes(&[(0, WRITTEN), (300, EventKind::Remove(RemoveKind::Any))]).await, 400);
    assert_eq!(takes(&[(0, WRITTEN)]).await, 2_000, "no system tells for ever that it is open");
}

#[cfg(unix)]
#[test]
fn op_5_the_names_of_a_folder_are_the_links_that_lead_to_it() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::create_dir_all(at("releases/1/mesh")).unwrap();
    std::os::unix::fs::symlink("1", at("releases/current")).unwrap();
    std::os::unix::fs::symlink(at("releases/current/mesh"), at("mesh")).unwrap();
    let names = names_of(&at("mesh"));
    assert_eq!(names, [at("mesh"), at("mesh"), at("releases/current"), at("releases/1/mesh")]);
    assert_eq!(names_of(&at("releases/1")), [at("releases/1"), at("releases/1")]);
    assert_eq!(existing_parent(&at("gone/too/mesh")), Some(place.path().to_owned()));
}

#[test]
fn op_5_what_happens_beside_the_folder_is_no_news() {
    let changes = Changes::default();
    *lock(&changes.names) = vec!["/etc/mesh".into(), "/etc/current".into()];
    let event = |path: &str| Event::new(EventKind::Create(CreateKind::Any)).add_path(path.into());
    assert!(!changes.concerns(&event("/etc/other")));
    assert!(changes.concerns(&event("/etc/mesh/a.yaml")) && !changes.replaced.load(Ordering::Relaxed));
    assert!(changes.concerns(&event("/etc/current")) && changes.replaced.load(Ordering::Relaxed));
    changes.replaced.store(false, Ordering::Relaxed);
    assert!(changes.concerns(&event("/etc")), "what it stands in");
    assert!(changes.replaced.load(Ordering::Relaxed));
}

#[test]
fn op_5_a_place_that_cannot_be_watched_is_told_of_once() {
    let mut unwatched = HashSet::new();
    let mut told = |place: &str, watched| first_failure(&mut unwatched, Path::new(place), watched);
    assert_eq!(told("/a", Err("no")), Some("no"));
    assert_eq!(told("/a", Err("no")), None);
    assert_eq!(told("/b", Err("no")), Some("no"));
    assert_eq!(told("/a", Ok(())), None);
    assert_eq!(told("/a", Err("no")), Some("no"), "it was well in between");
}

#[tokio::test(start_paused = true)]
async fn op_5_that_somebody_reads_is_no_news() {
    let changes = Changes::default();
    changes.note(Event::new(EventKind::Access(AccessKind::Close(AccessMode::Read))));
    assert!(tokio::time::timeout(Duration::from_secs(9), changes.news.notified()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn op_5_a_change_whose_reading_was_cancelled_is_read_before_the_poll() {
    let folder = tempfile::tempdir().unwrap();
    let watch = Watch::new(folder.path()).unwrap();
    watch.changes.news.notify_one();
    let cancelled = tokio::time::timeout(DEBOUNCE / 2, watch.after_a_change(|| ())).await;
    assert!(cancelled.is_err(), "the change is not over");
    let start = Instant::now();
    watch.after_a_change(|| ()).await.unwrap();
    assert!(start.elapsed() < POLL);
}
