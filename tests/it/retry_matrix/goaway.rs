//! Requests below and above the last stream id of a GOAWAY.

use super::*;

#[tokio::test(start_paused = true)]
async fn rt_19_what_goaway_did_not_cover_is_retried_for_everyone() {
    for after in [0, 1] {
        for kind in KINDS {
            let trouble = Trouble { fault: Fault::GoAwayAfter(after), reused: false, http2: true };
            for seed in 0..runs() {
                let (test, api) = world(trouble, kind, seed, "").await;
                for _ in 0..after {
                    assert_eq!(test.send(kind.request()).await.status(), 200);
                }
                let answer = test.send(kind.request()).await;
                let context = format!("{kind:?} after {after}: {answer:?}\n{}", test.transcript());
                assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (200, "-"), "{context}");
                // The filter held the refused request back: only processed ones arrived.
                assert_eq!(api.arrival_count(), after as usize + 1, "{context}");
            }
        }
    }
}

/// An endpoint that covers the first request with its GOAWAY, and answers after a second.
async fn covering(kind: Kind, seed: u64) -> (TestMesh, Upstream) {
    let trouble = Trouble { fault: Fault::GoAwayAfter(1), reused: false, http2: true };
    let (test, api) = world(trouble, kind, seed, "").await;
    api.delay(Duration::from_secs(1));
    (test, api)
}

#[tokio::test(start_paused = true)]
async fn rt_19_what_goaway_covers_goes_on_to_its_end_and_is_not_repeated() {
    for kind in KINDS {
        for seed in 0..runs() {
            let (test, api) = covering(kind, seed).await;
            let covered = async {
                let answer = test.send(kind.request()).await;
                (answer.status().as_u16(), answer.flags())
            };
            let refused = async {
                api.arrived(1).await;
                test.get("http://api/refused").await.status().as_u16()
            };
            assert_eq!(tokio::join!(covered, refused), ((200, "-".to_owned()), 200), "{kind:?} {seed}");
            let mut paths: Vec<String> = api.arrivals().iter().map(|one| one.path().to_owned()).collect();
            paths.sort();
            assert_eq!(paths, ["/refused", "/thing"], "{kind:?} {seed}\n{}", test.transcript());
            assert_eq!(api.connections(), 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_19_what_goaway_covered_and_then_broke_is_not_repeated_unless_it_may_be() {
    for kind in [Kind::Post, Kind::Grpc] {
        for seed in 0..runs() {
            let (test, api) = covering(kind, seed).await;
            let covered = async {
                let answer = test.send(kind.request()).await;
                assert_eq!(answer.flags(), "UC", "{kind:?} {seed}");
            };
            let refused = async {
                api.arrived(1).await;
                assert_eq!(test.get("http://api/refused").await.status(), 200);
                api.close_connections();
            };
            tokio::join!(covered, refused);
            let again = api.arrivals().iter().filter(|one| one.path() == "/thing").count();
            assert_eq!(again, 1, "{kind:?} {seed}\n{}", test.transcript());
        }
    }
}
