use super::*;

fn draft(n: usize) -> Draft {
    Draft { firstname: format!("F{n}"), lastname: "L".into(), email: format!("{n}@example.com") }
}

#[test]
fn locations_are_told_apart_by_their_scheme() {
    let parse = |text: &str| text.parse::<Location>();
    assert_eq!(parse("a/b.db").unwrap(), Location::Sqlite("a/b.db".into()));
    assert_eq!(parse("sqlite:x.db").unwrap(), Location::Sqlite("x.db".into()));
    assert_eq!(parse("mariadb://u@h/d").unwrap(), Location::MySql("mysql://u@h/d".into()));
    assert!(parse("postgres://h/d").is_err());
    assert!(parse("").is_err());
}

#[tokio::test]
async fn the_list_is_bounded_and_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Sqlite(folder.path().join("p.db"))).await.unwrap();
    for n in 0..5 {
        store.insert(draft(n)).await.unwrap();
    }
    let newest = store.newest(3).await.unwrap();
    assert_eq!(newest.iter().map(|s| s.firstname.as_str()).collect::<Vec<_>>(), ["F4", "F3", "F2"]);
    assert_eq!(store.count().await.unwrap(), 5);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_instances_may_open_one_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("p.db"));
    let starts: Vec<_> = (0..12)
        .map(|n| {
            let location = location.clone();
            tokio::spawn(async move {
                let store = Store::open(&location).await.unwrap();
                store.insert(draft(n)).await.unwrap();
                store
            })
        })
        .collect();
    let mut last = None;
    for start in starts {
        last = Some(start.await.unwrap());
    }
    assert_eq!(last.unwrap().count().await.unwrap(), 12);
}

#[tokio::test]
async fn text_is_stored_as_it_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Sqlite(folder.path().join("p.db"))).await.unwrap();
    let odd = Draft {
        firstname: "Robert'); DROP TABLE x;--".into(),
        lastname: "Ünï 🚲".into(),
        email: "a@b.de".into(),
    };
    let stored = store.insert(odd.clone()).await.unwrap();
    assert_eq!(store.newest(1).await.unwrap(), std::slice::from_ref(&stored));
    assert_eq!((stored.firstname, stored.lastname), (odd.firstname, odd.lastname));
}

#[tokio::test]
async fn sign_ups_of_one_domain_are_counted_and_so_are_their_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("p.db"));
    assert_eq!(location.to_string().parse::<Location>().unwrap(), location);
    let store = Store::open(&location).await.unwrap();
    for email in ["a@x.de", "b@x.de", "b@x.de", "c@y.de"] {
        store.insert(Draft { email: email.into(), ..draft(1) }).await.unwrap();
    }
    assert_eq!(store.of_domain("x.de").await.unwrap(), (3, 2));
}
