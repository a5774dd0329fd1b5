//! The requests of the live load's users, and which answers count as failures.

use http::{Method, StatusCode};

use crate::upstream::SIGNUPS;

/// Which configured split a request passes on its way to api-server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Route {
    /// The gateway's own: VirtualService `fitcycle`.
    Edge,
    /// That of the services inside: VirtualService `api-server`.
    Inside,
}

impl Route {
    pub(super) const ALL: [Self; 2] = [Self::Edge, Self::Inside];

    /// The VirtualService that holds the weights.
    pub(super) fn virtual_service(self) -> &'static str {
        match self {
            Self::Edge => "fitcycle",
            Self::Inside => "api-server",
        }
    }
}

/// One thing that users do. Each makes exactly one call to api-server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// The service that answers the user.
    pub(super) service: &'static str,
    pub(super) path: &'static str,
    pub(super) write: bool,
    pub(super) route: Route,
    /// How often, against the others.
    share: u32,
}

/// The whole mix.
pub(super) const KINDS: [Kind; 7] = [
    Kind { service: "web-server", path: "/", write: false, route: Route::Inside, share: 12 },
    Kind { service: "web-server", path: "/signups", write: false, route: Route::Inside, share: 18 },
    Kind { service: "web-server", path: "/", write: true, route: Route::Inside, share: 8 },
    Kind { service: "mobile-server", path: "/mobile", write: false, route: Route::Inside, share: 20 },
    Kind { service: "report-server", path: "/report", write: false, route: Route::Inside, share: 10 },
    Kind { service: "api-server", path: SIGNUPS, write: false, route: Route::Edge, share: 24 },
    Kind { service: "api-server", path: SIGNUPS, write: true, route: Route::Edge, share: 8 },
];

const FIRST: [&str; 16] = [
    "Ada",
    "Grace",
    "Linus",
    "Margaret",
    "Dennis",
    "Barbara",
    "Ken",
    "Radia",
    "Edsger",
    "Frances",
    "Donald",
    "Hedy",
    "Alan",
    "Katherine",
    "Niklaus",
    "Annie",
];
const LAST: [&str; 16] = [
    "Becker", "Okafor", "Silva", "Nguyen", "Larsen", "Moreau", "Rossi", "Tanaka", "Kowalski", "Haddad",
    "Murphy", "Novak", "Jensen", "Osei", "Petrov", "Vargas",
];

/// A new person.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) firstname: &'static str,
    pub(super) lastname: &'static str,
    pub(super) email: String,
}

/// Invents people, none twice: the e-mail address shows later whether a sign-up was stored more than once.
#[derive(Debug)]
pub(super) struct Crowd {
    run: String,
    made: u64,
}

impl Crowd {
    /// `run` marks the people of this run among those of others in the same database.
    pub(super) fn new(run: String) -> Self {
        Self { run, made: 0 }
    }

    pub(super) fn next(&mut self, rng: &mut fastrand::Rng) -> Person {
        self.made += 1;
        let (firstname, lastname) = (FIRST[rng.usize(..FIRST.len())], LAST[rng.usize(..LAST.len())]);
        let email = format!("{}.{}@{}", firstname.to_lowercase(), self.made, self.run);
        Person { firstname, lastname, email }
    }
}

impl Kind {
    /// One of [`KINDS`], by its share.
    pub(super) fn draw(rng: &mut fastrand::Rng) -> &'static Self {
        let total: u32 = KINDS.iter().map(|kind| kind.share).sum();
        let mut left = rng.u32(..total);
        for kind in &KINDS {
            match left.checked_sub(kind.share) {
                Some(rest) => left = rest,
                None => return kind,
            }
        }
        &KINDS[0]
    }

    pub(super) fn method(&self) -> Method {
        if self.write { Method::POST } else { Method::GET }
    }

    /// Whether this answer is the one that the user wanted.
    pub(super) fn succeeded(&self, status: StatusCode) -> bool {
        match (self.write, self.route) {
            (false, _) => status == StatusCode::OK,
            (true, Route::Edge) => status == StatusCode::CREATED,
            (true, Route::Inside) => status == StatusCode::SEE_OTHER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_drawn_by_their_share() {
        let mut rng = fastrand::Rng::with_seed(1);
        let total: u32 = KINDS.iter().map(|kind| kind.share).sum();
        let mut drawn = [0_u32; KINDS.len()];
        for _ in 0..100_000 {
            let kind = Kind::draw(&mut rng);
            drawn[KINDS.iter().position(|k| k == kind).unwrap()] += 1;
        }
        for (kind, drawn) in KINDS.iter().zip(drawn) {
            let expected = 100_000 * kind.share / total;
            assert!(drawn.abs_diff(expected) < 600, "{kind:?}: {drawn} instead of about {expected}");
        }
    }

    #[test]
    fn nobody_is_invented_twice() {
        let (mut crowd, mut rng) = (Crowd::new("run.example".into()), fastrand::Rng::with_seed(1));
        let emails: std::collections::BTreeSet<_> = (0..1000).map(|_| crowd.next(&mut rng).email).collect();
        assert_eq!(emails.len(), 1000);
    }
}
