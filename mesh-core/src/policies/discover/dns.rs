//! One name: its addresses, and when to ask for them again (SE-7).
//!
//! Why not simply "ask at the TTL, take what comes": a resolver that is down, or one that has lost
//! its zone for a moment, would empty the set and turn a nuisance into an outage. And a thousand
//! processes that started together would ask together for ever.
//!
//! Worked number: a TTL of 60 s is asked for again after 30 to 60 s, so that a thousand clients ask
//! some 22 times a second instead of a thousand times in one.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::rng::Rng;

/// How often names are asked for, and what their answers may do.
///
/// Of all waits, less than 10 ms counts as 10 ms, so that no name is asked for without a pause, and more
/// than a year as a year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsPolicy {
    /// However short a TTL is, it counts as this.
    pub shortest: Duration,
    /// However long it is, it counts as this.
    pub longest: Duration,
    /// How long after a failed lookup the next one comes; the mesh config's `dnsRefreshRate`.
    pub after_failure: Duration,
    /// For how long a name that had addresses must be said to have none before that is believed.
    pub grace: Duration,
}

impl Default for DnsPolicy {
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(1),
            longest: Duration::from_secs(300),
            after_failure: Duration::from_secs(60),
            grace: Duration::from_secs(30),
        }
    }
}

impl DnsPolicy {
    const LEAST_WAIT: Duration = Duration::from_millis(10);
    const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// The policy with waits that a clock can be asked for.
    fn bounded(&self) -> Self {
        let wait = |wait: Duration| wait.clamp(Self::LEAST_WAIT, Self::LONGEST_WAIT);
        let shortest = wait(self.shortest);
        Self {
            shortest,
            longest: wait(self.longest).max(shortest),
            after_failure: wait(self.after_failure),
            grace: self.grace.min(Self::LONGEST_WAIT),
        }
    }
}

/// A kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

impl Family {
    fn has(self, address: &IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}

/// A resolver's answer about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has these addresses, for this long.
    Addresses {
        /// In the order of the answer.
        addresses: Vec<IpAddr>,
        /// How long they hold.
        ttl: Duration,
        /// The kind that the resolver did not answer for; what is known of it stays.
        unanswered: Option<Family>,
    },
    /// There is no such name, or it has no address. That is an answer.
    Empty,
    /// The resolver did not say: refused, failed or timed out. That is none.
    Failed,
}

/// The change that an answer makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// The addresses, or their order.
    Addresses,
    /// Nothing yet: the name is said to have none for the first time, and the grace period runs.
    Doubted,
    /// It has no addresses any more: the grace period is over.
    Dropped,
}

/// The consequences of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the name is to be asked for again"]
pub struct Step {
    /// The change that it makes.
    pub change: Change,
    /// When to ask again.
    pub next: Instant,
}

/// A name that is asked for again and again.
#[derive(Clone, Debug, Default)]
pub struct Name {
    addresses: Vec<IpAddr>,
    fresh_until: Option<Instant>,
    /// Since when it is said to have none although it had some.
    doubted: Option<Instant>,
    /// Answers without any address since it had none.
    in_vain: u32,
}

impl Name {
    /// The addresses in force, in the order of the latest answer.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// For how long the addresses have outlived their TTL.
    #[must_use]
    pub fn stale_for(&self, now: Instant) -> Duration {
        self.fresh_until.map(|until| now.saturating_duration_since(until)).unwrap_or_default()
    }

    /// Takes an answer.
    pub fn take(&mut self, answer: &Answer, now: Instant, policy: &DnsPolicy, rng: &mut impl Rng) -> Step {
        let policy = &policy.bounded();
        match answer {
            Answer::Addresses { addresses, ttl, unanswered } if !addresses.is_empty() => {
                let ttl = (*ttl).clamp(policy.shortest, policy.longest);
                self.fresh_until = Some(now + ttl);
                self.doubted = None;
                self.in_vain = 0;
                let change = self.replace(addresses, *unanswered);
                Step { change, next: now + ttl.mul_f64(0.5 + rng.unit() / 2.0) }
            }
            Answer::Addresses { .. } | Answer::Empty if self.addresses.is_empty() => {
                self.again(now, policy, rng)
            }
            Answer::Addresses { .. } | Answer::Empty => self.doubt(now, policy),
            Answer::Failed if self.addresses.is_empty() => self.again(now, policy, rng),
            Answer::Failed => Step { change: Change::None, next: now + spread(policy.after_failure, rng) },
        }
    }

    fn replace(&mut self, addresses: &[IpAddr], unanswered: Option<Family>) -> Change {
        let mut list: Vec<IpAddr> = Vec::with_capacity(addresses.len());
        let kept = self.addresses.iter().filter(|known| unanswered.is_some_and(|family| family.has(known)));
        for address in addresses.iter().chain(kept) {
            if !list.contains(address) {
                list.push(*address);
            }
        }
        if list == self.addresses {
            return Change::None;
        }
        self.addresses = list;
        Change::Addresses
    }

    /// It had addresses, and is said to have none.
    fn doubt(&mut self, now: Instant, policy: &DnsPolicy) -> Step {
        let since = *self.doubted.get_or_insert(now);
        let end = since + policy.grace;
        if now < end {
            let change = if since == now { Change::Doubted } else { Change::None };
            // A mistake that is mended is seen soon.
            return Step { change, next: end.min(now + (policy.grace / 3).max(policy.shortest)) };
        }
        self.addresses.clear();
        self.fresh_until = None;
        self.doubted = None;
        Step { change: Change::Dropped, next: now + policy.shortest }
    }

    /// It has none: asked for soon, then less and less often.
    fn again(&mut self, now: Instant, policy: &DnsPolicy, rng: &mut impl Rng) -> Step {
        let wait = policy.shortest.saturating_mul(1 << self.in_vain.min(16)).min(policy.after_failure);
        self.in_vain = self.in_vain.saturating_add(1);
        Step { change: Change::None, next: now + spread(wait, rng) }
    }
}

/// Up to a tenth early, so that many clients do not ask in step.
fn spread(wait: Duration, rng: &mut impl Rng) -> Duration {
    wait.mul_f64(1.0 - rng.unit() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SeededRng;
    use crate::tests::ManualClock;

    struct World {
        name: Name,
        now: Instant,
        policy: DnsPolicy,
        rng: SeededRng,
    }

    impl World {
        fn new() -> Self {
            let now = ManualClock::default().now();
            Self { name: Name::default(), now, policy: DnsPolicy::default(), rng: SeededRng::new(7) }
        }

        /// Takes the answer, then lets time pass until the next question; what changed, and the wait.
        fn take(&mut self, answer: &Answer) -> (Change, Duration) {
            let step = self.name.take(answer, self.now, &self.policy, &mut self.rng);
            let wait = step.next - self.now;
            self.now = step.next;
            (step.change, wait)
        }
    }

    fn addresses(list: &[&str], ttl: u64) -> Answer {
        let addresses = list.iter().map(|text| text.parse().unwrap()).collect();
        Answer::Addresses { addresses, ttl: secs(ttl), unanswered: None }
    }

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn se_7_whatever_the_policy_says_questions_have_a_pause_and_an_end() {
        for wait in [Duration::ZERO, Duration::MAX] {
            let policy = DnsPolicy { shortest: wait, longest: wait, after_failure: wait, grace: wait };
            let mut world = World { policy, ..World::new() };
            let now = world.now;
            let some = addresses(&["10.0.0.1"], if wait.is_zero() { 0 } else { u64::MAX });
            for answer in
                [&Answer::Empty, &Answer::Failed, &some, &Answer::Failed, &Answer::Empty, &Answer::Empty]
            {
                world.now = now;
                let (_, wait) = world.take(answer);
                assert!(
                    wait >= Duration::from_millis(5) && wait <= DnsPolicy::LONGEST_WAIT,
                    "{answer:?}: {wait:?}"
                );
            }
        }
    }

    #[test]
    fn se_7_a_name_is_asked_for_again_in_the_second_half_of_its_ttl_within_bounds() {
        for (ttl, counts_as) in [(60, 60), (0, 1), (86_400, 300)] {
            let mut world = World::new();
            for _ in 0..100 {
                let (_, wait) = world.take(&addresses(&["10.0.0.1"], ttl));
                assert!(wait >= secs(counts_as) / 2 && wait <= secs(counts_as), "{ttl}: {wait:?}");
            }
        }
    }

    #[test]
    fn se_7_an_address_that_is_gone_from_the_answer_is_gone_at_once() {
        let mut world = World::new();
        assert_eq!(world.take(&addresses(&["10.0.0.1", "10.0.0.2"], 5)).0, Change::Addresses);
        assert_eq!(world.take(&addresses(&["10.0.0.1", "10.0.0.2"], 5)).0, Change::None);
        assert_eq!(world.take(&addresses(&["10.0.0.2"], 5)).0, Change::Addresses);
        assert_eq!(world.name.addresses(), ["10.0.0.2".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn se_7_the_newest_order_is_kept_for_who_wants_the_first() {
        let mut world = World::new();
        let _ = world.take(&addresses(&["10.0.0.1", "10.0.0.2"], 5));
        assert_eq!(world.take(&addresses(&["10.0.0.2", "10.0.0.1"], 5)).0, Change::Addresses);
        assert_eq!(world.name.addresses()[0], "10.0.0.2".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn se_7_an_outage_of_the_resolver_takes_nothing_away_however_long() {
        let mut world = World::new();
        let _ = world.take(&addresses(&["10.0.0.1"], 30));
        let end = world.now + secs(3600);
        while world.now < end {
            let (change, wait) = world.take(&Answer::Failed);
            assert_eq!(change, Change::None);
            assert!(wait >= secs(54) && wait <= secs(60), "dnsRefreshRate: {wait:?}");
        }
        assert_eq!(world.name.addresses().len(), 1);
        assert!(world.name.stale_for(world.now) >= secs(3500), "and its age is known");
        let _ = world.take(&addresses(&["10.0.0.1"], 30));
        assert_eq!(world.name.stale_for(world.now), Duration::ZERO);
    }

    #[test]
    fn se_7_an_empty_answer_is_believed_after_the_grace_period() {
        let mut world = World::new();
        let _ = world.take(&addresses(&["10.0.0.1"], 30));
        let start = world.now;
        assert_eq!(world.take(&Answer::Empty).0, Change::Doubted);
        loop {
            match world.take(&Answer::Empty).0 {
                Change::None => assert_eq!(world.name.addresses().len(), 1),
                Change::Dropped => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(world.name.addresses().is_empty());
        assert!(world.now - start <= secs(31), "no longer than the period");
    }

    #[test]
    fn se_7_a_doubt_that_is_cleared_up_or_not_confirmed_drops_nothing() {
        let mut world = World::new();
        let _ = world.take(&addresses(&["10.0.0.1"], 30));
        assert_eq!(world.take(&Answer::Empty).0, Change::Doubted);
        let _ = world.take(&addresses(&["10.0.0.1"], 30));
        assert_eq!(world.take(&Answer::Empty).0, Change::Doubted, "the period begins anew");
        for _ in 0..10 {
            assert_eq!(world.take(&Answer::Failed).0, Change::None, "a failure confirms nothing");
        }
        assert_eq!(world.name.addresses().len(), 1);
    }

    #[test]
    fn se_7_half_an_answer_takes_away_only_what_it_answers_for() {
        let mut world = World::new();
        let _ = world.take(&addresses(&["10.0.0.1", "fd00::1"], 30));
        let half = Answer::Addresses {
            addresses: vec!["10.0.0.2".parse().unwrap()],
            ttl: secs(30),
            unanswered: Some(Family::V6),
        };
        let _ = world.take(&half);
        let expected: Vec<IpAddr> = ["10.0.0.2", "fd00::1"].map(|text| text.parse().unwrap()).into();
        assert_eq!(world.name.addresses(), expected);
    }

    #[test]
    fn se_7_a_name_that_never_had_an_address_is_asked_for_soon_then_less_often() {
        for answer in [Answer::Failed, Answer::Empty] {
            let mut world = World::new();
            let waits: Vec<u64> = (0..9).map(|_| world.take(&answer).1.as_secs_f64().ceil() as u64).collect();
            assert_eq!(waits[0], 1);
            assert!(waits.is_sorted(), "{waits:?}");
            assert!((55..=60).contains(&waits[8]), "{waits:?}");
        }
    }

    /// Wish 13: a thousand clients that started at one moment do not ask in step.
    #[test]
    fn se_7_a_thousand_clients_spread_their_questions() {
        let policy = DnsPolicy::default();
        let start = ManualClock::default().now();
        let answer = addresses(&["10.0.0.1"], 60);
        let mut seconds = vec![0_u32; 600];
        for client in 0..1000 {
            let (mut name, mut rng, mut now) = (Name::default(), SeededRng::new(client), start);
            loop {
                now = name.take(&answer, now, &policy, &mut rng).next;
                let second = usize::try_from((now - start).as_secs()).unwrap();
                match seconds.get_mut(second) {
                    Some(count) => *count += 1,
                    None => break,
                }
            }
        }
        // The first half of the first TTL is silence.
        let asked = &seconds[30..];
        let mean = f64::from(asked.iter().sum::<u32>()) / asked.len() as f64;
        let most = asked.iter().max().copied().unwrap();
        assert!(f64::from(most) < 3.0 * mean, "{most} in one second, {mean} on average");
    }
}
