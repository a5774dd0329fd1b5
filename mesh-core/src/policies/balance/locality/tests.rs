use std::net::SocketAddr;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn at(locality: &str) -> Endpoint {
    labelled(locality, &[])
}

fn labelled(locality: &str, labels: &[(&str, &str)]) -> Endpoint {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Endpoint {
        locality: Locality::parse(locality),
        labels: Arc::new(labels),
        ..Endpoint::new(SocketAddr::from(([10, 0, 0, 1], 80)))
    }
}

fn failover(from: &str, region: Option<&str>) -> LocalityPolicy {
    let rule =
        LocalityRule::Failover { labels: Vec::new(), distance: true, region: region.map(str::to_owned) };
    LocalityPolicy { from: Locality::parse(from), rule, origin: Origin::default() }
}

fn by_labels(labels: &[(&str, &str)], distance: bool) -> LocalityPolicy {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let rule = LocalityRule::Failover { labels, distance, region: None };
    LocalityPolicy { from: Locality::parse("r/z/s"), rule, origin: Origin::default() }
}

fn priorities(policy: &LocalityPolicy, endpoints: &[Endpoint]) -> Vec<u32> {
    policy.layout(endpoints).places.into_iter().map(|place| place.unwrap().priority).collect()
}

#[test]
fn lb_10_priorities_go_by_distance() {
    let endpoints = ["r/z/s", "r/z/t", "r/y/s", "q/z/s", "r/z"].map(at);
    let policy = failover("r/z/s", None);
    assert_eq!(priorities(&policy, &endpoints), [0, 1, 2, 3, 1]);
    let why: Vec<_> = endpoints.iter().map(|endpoint| policy.why(endpoint)).collect();
    assert_eq!(why, ["same subzone", "same zone", "same region", "another region", "same zone"]);
}

#[test]
fn lb_10_the_failover_region_comes_before_others() {
    let endpoints = ["r/z/s", "a//", "b//"].map(at);
    assert_eq!(priorities(&failover("r/z/s", Some("b")), &endpoints), [0, 2, 1]);
    assert_eq!(failover("r/z/s", Some("b")).why(&endpoints[1]), "elsewhere");
    assert_eq!(failover("r/z/s", Some("b")).why(&endpoints[2]), "failover region");
}

#[test]
fn lb_10_gaps_are_closed() {
    assert_eq!(priorities(&failover("r/z/s", None), &["r/y/s", "q/z/s"].map(at)), [0, 1]);
    assert_eq!(priorities(&failover("r/z/s", None), &["q/z/s"].map(at)), [0]);
}

#[test]
fn lb_11_the_matching_prefix_of_labels_counts() {
    let policy = by_labels(&[("network", "n1"), ("version", "v2")], false);
    let endpoints = [
        labelled("", &[("network", "n1"), ("version", "v2")]),
        labelled("", &[("network", "n1"), ("version", "v1")]),
        // The second label is of no use where the first does not match.
        labelled("", &[("network", "n2"), ("version", "v2")]),
        labelled("", &[]),
    ];
    assert_eq!(priorities(&policy, &endpoints), [0, 1, 2, 2]);
    assert_eq!(policy.why(&endpoints[1]), "1 of 2 labels match");
}

#[test]
fn lb_11_topology_labels_come_of_the_locality() {
    let policy = by_labels(
        &[
            ("topology.istio.io/network", ""),
            ("topology.kubernetes.io/region", "r"),
            ("kubernetes.io/hostname", "node-1"),
        ],
        false,
    );
    let on = |node: &str| Endpoint { node: Some(node.into()), ..at("r/z/s") };
    assert_eq!(priorities(&policy, &[on("node-1"), on("node-2"), at("q/z/s")]), [0, 1, 2]);
}

#[test]
fn lb_11_labels_come_before_distance() {
    let policy = by_labels(&[("version", "v1")], true);
    let endpoints = [
        labelled("q/z/s", &[("version", "v1")]),
        labelled("r/z/s", &[("version", "v2")]),
        labelled("r/z/s", &[("version", "v1")]),
    ];
    assert_eq!(priorities(&policy, &endpoints), [1, 2, 0]);
    assert_eq!(policy.why(&endpoints[0]), "1 of 1 labels match, another region");
}

fn pattern(text: &str) -> LocalityPattern {
    LocalityPattern::parse(text).unwrap()
}

#[test]
fn lb_12_each_endpoint_belongs_to_one_share() {
    let rule = LocalityRule::Distribute(vec![(pattern("r/z/*"), 80), (pattern("q"), 20)]);
    let policy = LocalityPolicy { from: Locality::default(), rule, origin: Origin::default() };
    let layout = policy.layout(&["r/z/s", "r/z", "q/x/y", "r/y/s"].map(at));
    let share = |place: Option<Place>| place.map(|place| (place.priority, place.share));
    let shares: Vec<_> = layout.places.iter().copied().map(share).collect();
    assert_eq!(shares, [Some((0, 0)), Some((0, 0)), Some((0, 1)), None]);
    assert_eq!(layout.shares, [80, 20]);
    assert_eq!(policy.why(&at("q/x/y")), "20 % to q");
    assert_eq!(policy.why(&at("r/y/s")), "not in the distribution");
}

#[test]
fn lb_12_a_pattern_fits_what_begins_so() {
    let fits = |text: &str, locality: &str| pattern(text).matches(&Locality::parse(locality));
    assert!(fits("*", "") && fits("*", "r/z/s"));
    assert!(fits("r", "r/z/s") && fits("r/*", "r/z/s") && fits("r/z/*", "r/z"));
    assert!(fits("us-*", "us-west/z") && !fits("us-*", "eu-west/z"));
    assert!(!fits("r/z", "r/y") && !fits("r/z/s", "r/z/t"));
    for bad in ["", "r//s", "/z", "*/z", "r/*/s", "**"] {
        assert!(LocalityPattern::parse(bad).is_err(), "{bad:?}");
    }
}

proptest! {
    /// Two patterns overlap exactly if some locality fits both.
    #[test]
    fn lb_12_overlap_is_a_common_locality(
        one in "[ab](/[ab](/[ab])?)?", other in "[ab](/[ab](/[ab])?)?",
        one_star: bool, other_star: bool,
    ) {
        let starred = |text: &str, star: bool| match text.rsplit_once('/') {
            Some((start, _)) if star => pattern(&format!("{start}/*")),
            None if star => pattern("*"),
            _ => pattern(text),
        };
        let (one, other) = (starred(&one, one_star), starred(&other, other_star));
        let mut localities = Vec::new();
        for (x, y, z) in ["a", "b"].iter().flat_map(|x| ["a", "b"].iter().flat_map(move |y| ["a", "b"].iter().map(move |z| (x, y, z)))) {
            localities.push(Locality::parse(&format!("{x}/{y}/{z}")));
        }
        let common = localities.iter().any(|locality| one.matches(locality) && other.matches(locality));
        prop_assert_eq!(one.overlaps(&other), common);
        prop_assert_eq!(other.overlaps(&one), common);
    }

    /// Nearer never has a higher number, and no number is left out.
    #[test]
    fn lb_10_priorities_are_dense_and_in_order(
        endpoints in prop::collection::vec("[rq]/[zy]/[st]", 1..20),
        region in prop::option::of("[qp]"),
    ) {
        let policy = failover("r/z/s", region.as_deref());
        let endpoints: Vec<_> = endpoints.iter().map(|text| at(text)).collect();
        let found = priorities(&policy, &endpoints);
        let distance = |endpoint: &Endpoint| {
            let to = &endpoint.locality;
            match (to.region == "r", to.zone == "z", to.subzone == "s") {
                (true, true, true) => 0,
                (true, true, false) => 1,
                (true, false, _) => 2,
                (false, ..) if region.as_ref().is_none_or(|region| *region == to.region) => 3,
                (false, ..) => 4,
            }
        };
        for (one, first) in endpoints.iter().zip(&found) {
            for (other, second) in endpoints.iter().zip(&found) {
                prop_assert_eq!(distance(one).cmp(&distance(other)), first.cmp(second));
            }
        }
        let most = found.iter().max().unwrap();
        prop_assert!((0..=*most).all(|priority| found.contains(&priority)));
    }
}
