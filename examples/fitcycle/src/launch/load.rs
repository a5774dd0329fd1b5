//! The live load: users arrive at a steady rate, whatever the services do.
//!
//! The rate does not slow down when answers do, as real users would not; so a pause shows in the latencies
//! instead of hiding in a lower number of requests. Only so many requests may be open at once; what is due
//! beyond that is counted as skipped, not queued.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use http::header::CONTENT_TYPE;
use tokio::sync::Semaphore;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::tally::{Answer, Tally};
use super::traffic::{Crowd, Kind, Person, Route};
use crate::upstream::VERSION;

/// Most requests open at once.
const OPEN: usize = 512;
/// After this a user gives up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Inputs of the load.
#[derive(Debug)]
pub(super) struct Load {
    /// Where the gateway is: `http://127.0.0.1:port`.
    pub(super) gateway: String,
    pub(super) rate: u32,
    pub(super) seed: u64,
    pub(super) crowd: Crowd,
}

/// A tally that the load writes and the display reads.
pub(super) type SharedTally = Arc<Mutex<Tally>>;

/// Locks a tally; a count that was interrupted by a panic is still a count.
pub(super) fn lock(tally: &SharedTally) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    /// Sends requests until `stop`, then waits for those still open.
    pub(super) async fn run(mut self, tally: SharedTally, stop: CancellationToken) -> anyhow::Result<()> {
        let client = client()?;
        if self.rate == 0 {
            stop.cancelled().await;
            return Ok(());
        }
        let pause = Duration::from_secs(1) / self.rate;
        let room = Arc::new(Semaphore::new(OPEN));
        let open = TaskTracker::new();
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut due = tokio::time::Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep_until(due) => due += pause,
            }
            let kind = Kind::draw(&mut rng);
            let person = kind.write.then(|| self.crowd.next(&mut rng));
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                lock(&tally).skipped += 1;
                continue;
            };
            let (request, tally) = (self.request(&client, kind, person), Arc::clone(&tally));
            open.spawn(async move {
                let sent = Instant::now();
                let answer = answer(request, sent).await;
                lock(&tally).record(sent, kind, answer);
                drop(permit);
            });
        }
        open.close();
        open.wait().await;
        Ok(())
    }

    fn request(
        &self,
        client: &reqwest::Client,
        kind: &Kind,
        person: Option<Person>,
    ) -> reqwest::RequestBuilder {
        let request = client.request(kind.method(), format!("{}{}", self.gateway, kind.path));
        let Some(Person { firstname, lastname, email }) = person else { return request };
        match kind.route {
            Route::Edge => request
                .json(&serde_json::json!({ "firstname": firstname, "lastname": lastname, "email": email })),
            // The names are plain letters; only the @ of the address means something to a form.
            Route::Inside => request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(format!(
                "firstname={firstname}&lastname={lastname}&email={}",
                email.replace('@', "%40")
            )),
        }
    }
}

/// A client that talks to the gateway and nothing else, and shows redirects instead of following them.
pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    let policy = reqwest::redirect::Policy::none();
    let builder = reqwest::Client::builder().no_proxy().redirect(policy).timeout(PATIENCE);
    builder.build().context("building the HTTP client")
}

/// Sends one request and reads its answer to the end.
async fn answer(request: reqwest::RequestBuilder, sent: Instant) -> Answer {
    let outcome = async {
        let response = request.send().await?;
        let status = response.status();
        let version =
            response.headers().get(VERSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        response.bytes().await?;
        Ok::<_, reqwest::Error>((status, version))
    };
    let (status, version) = match outcome.await {
        Ok((status, version)) => (Some(status), version),
        Err(error) => {
            tracing::warn!(%error, "a user got no answer");
            (None, None)
        }
    };
    Answer { status, version, latency: sent.elapsed() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::Router;
    use axum::routing::get;
    use http::StatusCode;

    use super::*;
    use crate::upstream::SIGNUPS;

    /// Stands for the whole application: everything succeeds, and `seen` gets every request.
    fn application(seen: tokio::sync::mpsc::UnboundedSender<String>) -> Router {
        let tell = move |answer: StatusCode| {
            let seen = seen.clone();
            async move |body: String| {
                let _ = seen.send(body);
                (answer, [(VERSION, "v1")], "done")
            }
        };
        let page = tell(StatusCode::OK);
        Router::new()
            .route("/", get(page.clone()).post(tell(StatusCode::SEE_OTHER)))
            .route(SIGNUPS, get(page.clone()).post(tell(StatusCode::CREATED)))
            .fallback(page)
    }

    #[tokio::test]
    async fn every_kind_is_sent_counted_and_finished_before_the_load_ends() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = format!("http://{}", listener.local_addr().unwrap());
        let (seen, mut told) = tokio::sync::mpsc::unbounded_channel();
        let server = tokio::spawn(async move { axum::serve(listener, application(seen)).await });
        let tally = Arc::new(Mutex::new(Tally::new(Instant::now())));
        let stop = CancellationToken::new();
        let load = Load { gateway, rate: 2_000, seed: 7, crowd: Crowd::new("run.example".into()) };
        let running = tokio::spawn(load.run(Arc::clone(&tally), stop.clone()));
        let mut people = Vec::new();
        for _ in 0..200 {
            people.extend(Some(told.recv().await.unwrap()).filter(|body| body.contains("firstname")));
        }
        stop.cancel();
        running.await.unwrap().unwrap();
        let mut total = 200;
        while let Ok(body) = told.try_recv() {
            people.extend(Some(body).filter(|body| body.contains("firstname")));
            total += 1;
        }
        let tally = lock(&tally);
        assert_eq!(tally.count(None), (total, 0));
        let methods: BTreeSet<_> = tally.lines().map(|(key, _)| (key.service, key.method)).collect();
        assert_eq!(methods.len(), 6, "some kind was never sent: {methods:?}");
        assert_eq!(people.iter().collect::<BTreeSet<_>>().len(), people.len());
        server.abort();
    }

    #[tokio::test]
    async fn no_answer_is_a_failure_and_not_the_end() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let sent = Instant::now();
        let answer = answer(client().unwrap().get(gateway), sent).await;
        assert!(answer.status.is_none() && answer.version.is_none());
    }
}
