//! A scripted name server: the test changes its answers.

use std::collections::BTreeMap;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::scripted::lock;
use crate::upstream::discover::{Answer, Resolve, Resolving};

/// A name server with scripted answers. A name without a script does not exist.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// use std::time::Duration;
/// use mesh_tower::test::MeshTest;
///
/// let test = MeshTest::new(r#"
/// apiVersion: networking.istio.io/v1
/// kind: ServiceEntry
/// metadata: {name: db, namespace: default}
/// spec:
///   hosts: [db.example.com]
///   ports: [{number: 80, name: http, protocol: HTTP}]
///   resolution: DNS
/// "#);
/// test.dns().addresses("db.example.com", ["10.0.0.1"], Duration::from_secs(30));
/// let test = test.start().await;
/// test.upstream("10.0.0.1:80").respond(200, "fine");
/// assert_eq!(test.get("http://db.example.com/").await.status(), 200);
/// # });
/// ```
///
/// # Clone
/// Clones are the same server.
#[derive(Clone, Debug)]
pub struct Dns(Arc<NameTable>);

#[derive(Debug)]
struct NameTable {
    start: Instant,
    names: Mutex<BTreeMap<String, ScriptedAnswer>>,
    questions: Mutex<Vec<(Duration, String)>>,
}

#[derive(Clone, Debug)]
enum ScriptedAnswer {
    Answer(Answer),
    Silence,
}

impl Dns {
    /// A server without names. The time of its log begins now.
    #[must_use]
    pub fn new() -> Self {
        let table = NameTable { start: Instant::now(), names: Mutex::default(), questions: Mutex::default() };
        Self(Arc::new(table))
    }

    /// From now on the name has these addresses, with this time to live.
    ///
    /// # Panics
    /// If an address is not an IP address.
    pub fn addresses<'a>(&self, name: &str, addresses: impl IntoIterator<Item = &'a str>, ttl: Duration) {
        let addresses = addresses.into_iter().map(|text| text.parse().expect("an IP address")).collect();
        self.script(name, ScriptedAnswer::Answer(Answer::Addresses { addresses, ttl, unanswered: None }));
    }

    /// From now on the name does not exist.
    pub fn empty(&self, name: &str) {
        self.script(name, ScriptedAnswer::Answer(Answer::Empty));
    }

    /// From now on questions for the name fail.
    pub fn fail(&self, name: &str) {
        self.script(name, ScriptedAnswer::Answer(Answer::Failed));
    }

    /// From now on the server never answers questions for the name.
    pub fn hang(&self, name: &str) {
        self.script(name, ScriptedAnswer::Silence);
    }

    /// The names in all questions so far, each with the time of its question.
    #[must_use]
    pub fn questions(&self) -> Vec<(Duration, String)> {
        lock(&self.0.questions).clone()
    }

    fn script(&self, name: &str, answer: ScriptedAnswer) {
        lock(&self.0.names).insert(name.to_owned(), answer);
    }
}

impl Default for Dns {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolve for Dns {
    fn resolve(&self, name: &str) -> Resolving {
        lock(&self.0.questions).push((self.0.start.elapsed(), name.to_owned()));
        match lock(&self.0.names).get(name).cloned() {
            Some(ScriptedAnswer::Answer(answer)) => Box::pin(ready(Ok(answer))),
            Some(ScriptedAnswer::Silence) => Box::pin(pending()),
            None => Box::pin(ready(Ok(Answer::Empty))),
        }
    }
}
