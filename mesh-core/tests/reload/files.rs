//! Files that are emptied, cut short or gone.

use mesh_core::plan::Loaded;

use super::{SERVICE, call, errors, loaded, options};

fn rule(name: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: {name}
spec:
  hosts: [{name}.org]
  http:
  - name: first
    match: [{{uri: {{prefix: /first}}}}]
    route: [{{destination: {{host: a}}}}]
  - name: second
    route: [{{destination: {{host: a}}}}]
---
"
    )
}

fn read(files: &[(&str, &str)], last: Option<&Loaded>) -> Loaded {
    loaded(files, &options(false), last)
}

fn hosts(loaded: &Loaded) -> Vec<String> {
    ["a.org", "b.org", "c.org"].map(|host| call(loaded, host)).into()
}

fn routes(loaded: &Loaded, host: &str) -> usize {
    loaded.plan.outbound[&80].host(host).map_or(0, |host| host.routes.len())
}

#[test]
fn y_12_an_emptied_file_keeps_what_it_said() {
    let text = [rule("a"), rule("b")].concat();
    let first = read(&[("rules.yaml", &text), ("service.yaml", SERVICE)], None);
    assert_eq!(hosts(&first), ["first", "first", "Passthrough"]);
    for empty in ["", "\n\n", "---\n", "# nothing\n"] {
        let second = read(&[("rules.yaml", empty), ("service.yaml", SERVICE)], Some(&first));
        assert_eq!(hosts(&second), hosts(&first), "{empty:?}");
        assert_eq!(second.stale_resources.len(), 2);
        let reported = errors(&second.diagnostics);
        assert!(
            reported.len() == 1 && reported[0].contains("rules.yaml") && reported[0].contains("delete"),
            "{reported:?}"
        );
        let third = read(&[("rules.yaml", empty), ("service.yaml", SERVICE)], Some(&second));
        assert_eq!(hosts(&third), hosts(&first), "for as long as it lasts");
    }
    // At a start it is a warning.
    let start = read(&[("rules.yaml", ""), ("service.yaml", SERVICE)], None);
    assert!(errors(&start.diagnostics).is_empty() && !start.diagnostics.is_empty());
}

#[test]
fn y_12_a_file_or_document_that_is_deleted_takes_its_rules_with_it() {
    let text = [rule("a"), rule("b")].concat();
    let first = read(&[("c.yaml", &rule("c")), ("rules.yaml", &text), ("service.yaml", SERVICE)], None);
    assert_eq!(hosts(&first), ["first", "first", "first"]);
    let second = read(&[("rules.yaml", &text), ("service.yaml", SERVICE)], Some(&first));
    assert_eq!(hosts(&second), ["first", "first", "Passthrough"]);
    for (left, expected) in [
        (rule("a"), ["first", "Passthrough", "Passthrough"]),
        (rule("b"), ["Passthrough", "first", "Passthrough"]),
        (rule("a").trim_end_matches("---\n").to_owned(), ["first", "Passthrough", "Passthrough"]),
    ] {
        let third = read(&[("rules.yaml", &left), ("service.yaml", SERVICE)], Some(&second));
        assert_eq!(hosts(&third), expected, "{left}");
        assert!(third.stale_resources.is_empty(), "{left}");
    }
}

#[test]
fn y_12_a_file_that_is_cut_keeps_the_document_it_ends_in_and_those_behind() {
    let text = [rule("a"), rule("b"), rule("c")].concat();
    let first = read(&[("rules.yaml", &text), ("service.yaml", SERVICE)], None);
    // After each byte, but for those where a document ends: then the ones behind it were deleted.
    let ends = [rule("a").len(), rule("a").len() + rule("b").len()];
    for end in 1..ends[1] {
        if ends.iter().any(|border| [5, 4, 1, 0].contains(&border.wrapping_sub(end))) {
            continue;
        }
        let second = read(&[("rules.yaml", &text[..end]), ("service.yaml", SERVICE)], Some(&first));
        assert_eq!(hosts(&second), hosts(&first), "{:?}", &text[..end]);
        for host in ["a.org", "b.org", "c.org"] {
            assert_eq!(routes(&second, host), 2, "{host} {:?}", &text[..end]);
        }
        assert!(!errors(&second.diagnostics).is_empty(), "{:?}", &text[..end]);
    }
}

/// The beginning of the newer text, and no cut: the file was that before, as a whole.
#[test]
fn y_12_a_file_that_gets_an_earlier_text_back_is_not_cut() {
    let long = [rule("a"), rule("b")].concat();
    let short = &long[..long.find("  - name: second").unwrap()];
    let with =
        |text: &str, last: Option<&Loaded>| read(&[("rules.yaml", text), ("service.yaml", SERVICE)], last);
    let first = with(short, None);
    let second = with(&long, Some(&first));
    assert_eq!((hosts(&second), routes(&second, "a.org")), (hosts(&with(&long, None)), 2));
    let other = with(&(long.clone() + &rule("c")), Some(&second));
    for newer in [&second, &other] {
        let back = with(short, Some(newer));
        assert_eq!(errors(&back.diagnostics), Vec::<String>::new());
        assert_eq!((hosts(&back), routes(&back, "a.org")), (hosts(&first), 1));
    }
    // One that it never was stays a cut, however often it is one.
    let mut last = with(&long, None);
    for _ in 0..2 {
        let cut = with(short, Some(&last));
        assert_eq!((hosts(&cut), routes(&cut, "a.org")), (hosts(&second), 2));
        assert!(!errors(&cut.diagnostics).is_empty());
        last = with(&long, Some(&cut));
    }
    // Nor is one that ends in a line: so a text looks while it is written.
    let part = &long[..long.rfind("route:").unwrap()];
    let started = with(&long, Some(&with(part, None)));
    assert_eq!(hosts(&with(part, Some(&started))), hosts(&started));
}

/// Its last lines deleted, as an editor does it: a rule of the last document less.
#[test]
fn y_12_a_rule_that_is_deleted_at_the_end_of_a_file_is_gone() {
    let text = rule("a").trim_end_matches("---\n").to_owned();
    let first = read(&[("rules.yaml", &text), ("service.yaml", SERVICE)], None);
    let less = &text[..text.find("  - name: second").unwrap()];
    let second = read(&[("rules.yaml", less), ("service.yaml", SERVICE)], Some(&first));
    assert_eq!(routes(&second, "a.org"), 1);
    assert!(errors(&second.diagnostics).is_empty());
}

/// Edited and cut: its text is no beginning of the old one.
#[test]
fn y_12_a_file_that_ends_in_a_refused_document_keeps_those_behind() {
    let text = [rule("a"), rule("b")].concat();
    let first = read(&[("rules.yaml", &text), ("service.yaml", SERVICE)], None);
    let edited = rule("a").replace("/first", "/other");
    for cut in [edited.find("{destination").unwrap(), edited.find("route:").unwrap() + 6] {
        let second = read(&[("rules.yaml", &edited[..cut]), ("service.yaml", SERVICE)], Some(&first));
        assert_eq!(hosts(&second), hosts(&first), "{}", &edited[..cut]);
    }
}

#[test]
fn y_12_a_file_that_is_no_yaml_keeps_what_it_said() {
    let text = [rule("a"), rule("b")].concat();
    let first = read(&[("rules.yaml", &text), ("service.yaml", SERVICE)], None);
    let second = read(&[("rules.yaml", "a: ["), ("service.yaml", SERVICE)], Some(&first));
    assert_eq!(hosts(&second), hosts(&first));
}

/// Text that tools and servers write in place of an empty file: it is not blank, and has no document.
#[test]
fn y_12_a_file_with_text_and_no_document_keeps_what_it_said() {
    let text = [rule("a"), rule("b")].concat();
    let first = read(&[("rules.yaml", &text), ("service.yaml", SERVICE)], None);
    for nothing in ["apiVersion: v1\nitems: []\nkind: List\n", "{}\n", "[]\n", "hello\n", "404: Not Found\n"]
    {
        let second = read(&[("rules.yaml", nothing), ("service.yaml", SERVICE)], Some(&first));
        assert_eq!(hosts(&second), hosts(&first), "{nothing:?}");
        assert!(errors(&second.diagnostics)[0].contains("rules.yaml"), "{nothing:?}");
        let third = read(&[("rules.yaml", nothing), ("service.yaml", SERVICE)], Some(&second));
        assert_eq!(hosts(&third), hosts(&first), "for as long as it lasts");
        let start = read(&[("rules.yaml", nothing), ("service.yaml", SERVICE)], None);
        assert_eq!(errors(&start.diagnostics), Vec::<String>::new(), "{nothing:?}");
    }
    // A document of a foreign kind in its place is an edit.
    let other = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c}\n";
    let second = read(&[("rules.yaml", other), ("service.yaml", SERVICE)], Some(&first));
    assert_eq!(hosts(&second), ["Passthrough"; 3]);
}

#[test]
fn y_12_a_document_without_a_name_of_its_own_pins_nothing() {
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-}\nspec: {}\n---\n";
    let text = [job, job, &rule("a"), &rule("b")].concat();
    let first = read(&[("rules.yaml", &text), ("service.yaml", SERVICE)], None);
    assert_eq!(errors(&first.diagnostics), Vec::<String>::new());
    let less = [job, &rule("b")].concat();
    let second = read(&[("rules.yaml", &less), ("service.yaml", SERVICE)], Some(&first));
    assert_eq!(hosts(&second), ["Passthrough", "first", "Passthrough"]);
}

#[test]
fn y_12_a_file_that_ends_in_a_kind_that_is_not_implemented_was_not_cut() {
    let filter = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f}\nspec: {}";
    let text = [&rule("a"), &rule("b"), filter].concat();
    let first = read(&[("rules.yaml", &text), ("service.yaml", SERVICE)], None);
    let less = [&rule("b"), filter].concat();
    let second = read(&[("rules.yaml", &less), ("service.yaml", SERVICE)], Some(&first));
    assert_eq!(hosts(&second), ["Passthrough", "first", "Passthrough"]);
}
