//! Near endpoints first (LB-9 to LB-12): where each endpoint stands, seen from one client.
//!
//! The answer is a [`Layout`], made when the endpoints change and kept while only their health does.
//!
//! ```text
//! failover           same subzone 0 · same zone 1 · same region 2 · the `to` region 3 · elsewhere 4
//! failoverPriority   how many of the labels, in their order, don't match any more: all 0 · none n
//! both               first by labels, then by distance
//! distribute         one priority; each `to` is a group with a share of its own
//! ```
//! Priorities without endpoints are closed up: a client with endpoints in another zone (1) and elsewhere
//! (3) has priorities 0 and 1.

use std::borrow::Cow;

use super::Place;
use crate::endpoint::Endpoint;
use crate::error::Origin;
use crate::identity::Locality;

/// How a cluster goes by locality, for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalityPolicy {
    /// Where the client is.
    pub from: Locality,
    /// Its preference.
    pub rule: LocalityRule,
    /// Where that was written; what switches it on, where nothing says how.
    pub origin: Origin,
}

/// The preference of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalityRule {
    /// The nearest, then the next (LB-10, LB-11).
    Failover {
        /// Labels and the values that are near, the most important first.
        labels: Vec<(String, String)>,
        /// Whether region, zone and subzone count, after the labels.
        distance: bool,
        /// The region to go to when the client's own has failed.
        region: Option<String>,
    },
    /// Shares of the traffic by locality; what is not listed gets nothing (LB-12).
    Distribute(Vec<(LocalityPattern, u32)>),
}

/// Where the endpoints of a cluster stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// For each endpoint; empty: all are in one place. `None`: gets nothing.
    pub places: Vec<Option<Place>>,
    /// Weights of the groups.
    pub shares: Vec<u32>,
}

impl Layout {
    /// The place of the endpoint of this index.
    #[must_use]
    pub fn place(&self, index: usize) -> Option<Place> {
        self.places.get(index).copied().unwrap_or(Some(Place::default()))
    }
}

impl LocalityPolicy {
    /// Where these endpoints stand.
    ///
    /// # Panics
    /// If there are more than 2³²−1 endpoints.
    pub fn layout<'e>(&self, endpoints: impl IntoIterator<Item = &'e Endpoint>) -> Layout {
        match &self.rule {
            LocalityRule::Failover { .. } => {
                let ranks: Vec<_> = endpoints.into_iter().map(|endpoint| self.rank(endpoint)).collect();
                let mut taken = ranks.clone();
                taken.sort_unstable();
                taken.dedup();
                let place = |rank: &Rank| {
                    let priority = taken.binary_search(rank).expect("it is one of them");
                    let priority = u32::try_from(priority).expect("fewer than 2³² endpoints");
                    Some(Place { priority, share: 0 })
                };
                Layout { places: ranks.iter().map(place).collect(), shares: Vec::new() }
            }
            LocalityRule::Distribute(shares) => {
                let place = |endpoint: &Endpoint| {
                    let share = shares.iter().position(|(pattern, _)| pattern.matches(&endpoint.locality))?;
                    Some(Place { priority: 0, share: u32::try_from(share).ok()? })
                };
                Layout {
                    places: endpoints.into_iter().map(place).collect(),
                    shares: shares.iter().map(|(_, share)| *share).collect(),
                }
            }
        }
    }

    /// Why an endpoint stands where it does.
    #[must_use]
    pub fn why(&self, endpoint: &Endpoint) -> Cow<'static, str> {
        match &self.rule {
            LocalityRule::Failover { labels, distance, region } => {
                let rank = self.rank(endpoint);
                let next = if region.is_some() { "failover region" } else { "another region" };
                let near = ["same subzone", "same zone", "same region", next, "elsewhere"];
                let near = near[usize::from(rank.distance)];
                let matching = labels.len() - rank.labels;
                match (labels.len(), distance) {
                    (0, _) => near.into(),
                    (all, false) => format!("{matching} of {all} labels match").into(),
                    (all, true) => format!("{matching} of {all} labels match, {near}").into(),
                }
            }
            LocalityRule::Distribute(shares) => {
                let fits = |(pattern, _): &&(LocalityPattern, u32)| pattern.matches(&endpoint.locality);
                match shares.iter().find(fits) {
                    Some((pattern, share)) => format!("{share} % to {pattern}").into(),
                    None => "not in the distribution".into(),
                }
            }
        }
    }

    /// How far away an endpoint is; only under failover.
    fn rank(&self, endpoint: &Endpoint) -> Rank {
        let LocalityRule::Failover { labels, distance, region } = &self.rule else {
            return Rank::default();
        };
        let topology = endpoint.topology();
        let matching = labels.iter().take_while(|(key, value)| topology.label(key) == value).count();
        let distance = if *distance { self.distance(&endpoint.locality, region.as_deref()) } else { 0 };
        Rank { labels: labels.len() - matching, distance }
    }

    fn distance(&self, to: &Locality, failover: Option<&str>) -> u8 {
        let from = &self.from;
        if from.region != to.region {
            return if failover.is_none_or(|region| region == to.region) { 3 } else { 4 };
        }
        match (from.zone == to.zone, from.subzone == to.subzone) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        }
    }
}

/// How far away an endpoint is: smaller is nearer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// How many labels follow the last that matches.
    labels: usize,
    distance: u8,
}

/// `region/zone/subzone` to compare with; `*`, or nothing, fits all that remains, and a part that ends
/// with `*` fits what begins so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalityPattern(Vec<String>);

impl LocalityPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The mistake in it: an empty part, or a `*` that is not at the end.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<String> = text.splitn(3, '/').map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            return Err("region, zone and subzone may not be empty");
        }
        if text.strip_suffix('*').unwrap_or(text).contains('*') {
            return Err("`*` may only stand at the end");
        }
        Ok(Self(parts))
    }

    /// Whether a locality fits.
    #[must_use]
    pub fn matches(&self, locality: &Locality) -> bool {
        let parts = [&locality.region, &locality.zone, &locality.subzone];
        self.0.iter().zip(parts).all(|(wanted, part)| match wanted.strip_suffix('*') {
            Some(start) => part.starts_with(start),
            None => wanted == part,
        })
    }

    /// Whether some locality fits both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(one, other)| {
            match (one.strip_suffix('*'), other.strip_suffix('*')) {
                (Some(one), Some(other)) => one.starts_with(other) || other.starts_with(one),
                (Some(start), None) => other.starts_with(start),
                (None, Some(start)) => one.starts_with(start),
                (None, None) => one == other,
            }
        })
    }
}

impl std::fmt::Display for LocalityPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

#[cfg(test)]
mod tests;
