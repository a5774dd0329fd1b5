use proptest::prelude::*;

use super::*;
use crate::api::source::Mark;

fn one(text: &str) -> Node {
    let mut documents = parse(text);
    assert_eq!(documents.len(), 1, "{documents:?}");
    let document = documents.remove(0);
    assert_eq!(document.problems, [], "{text}");
    document.node
}

fn problem(text: &str) -> Problem {
    let problems: Vec<Problem> = parse(text).into_iter().flat_map(|document| document.problems).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

fn mark(line: u32, column: u32) -> Mark {
    Mark { line, column }
}

#[test]
fn y_11_every_key_and_value_has_its_place() {
    let node = one("a:\n  b: 1\n  c:\n  - x\n  - y: z\n");
    let a = node.get("a").unwrap();
    assert_eq!(a.mark, mark(2, 3));
    assert_eq!(a.entries().unwrap()[1].key_mark, mark(3, 3));
    assert_eq!(a.get("b").unwrap().mark, mark(2, 6));
    let Value::Sequence(items) = &a.get("c").unwrap().value else { panic!() };
    assert_eq!(items[0].mark, mark(4, 5));
    assert_eq!(items[1].get("y").unwrap().mark, mark(5, 8));
}

#[test]
fn y_1_documents_of_a_stream_keep_their_lines() {
    let documents = parse("# c\n---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n");
    let marks: Vec<Mark> = documents.iter().map(|document| document.node.mark).collect();
    assert_eq!(marks, [mark(3, 1), mark(8, 1)]);
}

#[test]
fn y_1_json_is_read() {
    let node = one("{\n\t\"a\": [1, {\"b\": null}],\n\t\"c\": \"\\u00e4\\/\"\n}\n");
    assert_eq!(node.get("c").unwrap().text(), Some("ä/"));
    assert_eq!(node.get("a").unwrap().mark, mark(2, 7));
}

#[test]
fn y_12_a_broken_document_leaves_its_neighbours_alone() {
    let documents = parse("a: 1\n---\nkind: X\nb: [1\nc: 2\n---\nd: 3\n");
    assert_eq!(documents.len(), 3);
    assert!(documents[0].problems.is_empty() && documents[2].problems.is_empty());
    assert_eq!(documents[1].problems.len(), 1);
    assert_eq!(documents[1].node.get("kind").unwrap().text(), Some("X"), "read before the error");
    assert_eq!(documents[2].node.get("d").unwrap().mark, mark(7, 4));
}

#[test]
fn y_10_duplicate_keys_are_reported_with_path() {
    let found = problem("a:\n- b: 1\n  c: 2\n  b: 3\n");
    assert_eq!((found.mark, found.path.as_str()), (mark(4, 3), "a[0].b"));
}

#[test]
fn y_10_anchors_and_merge_keys() {
    let node = one("base: &b\n  x: 1\n  y: 2\nuse:\n  <<: *b\n  y: 3\nlist:\n  <<: [*b, {z: 4}]\n");
    let used = node.get("use").unwrap();
    assert_eq!(used.get("x").unwrap().text(), Some("1"));
    assert_eq!(used.get("y").unwrap().text(), Some("3"), "what is written out wins");
    assert_eq!(used.get("x").unwrap().mark, mark(2, 6), "the place of the anchor");
    assert_eq!(node.get("list").unwrap().get("z").unwrap().text(), Some("4"));
    assert_eq!(one("\"<<\": 1").get("<<").unwrap().text(), Some("1"), "quoted is an ordinary key");
    assert!(problem("a:\n  <<: 1\n").message.contains("takes an object"));
}

#[test]
fn y_10_alias_bombs_and_depth_are_refused() {
    let mut bomb = String::from("a0: &a0 [xxxxxxxx, xxxxxxxx]\n");
    for level in 1..40 {
        let below = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}]\n"));
    }
    assert!(problem(&bomb).message.contains("more than 10 MiB"));
    assert!(problem(&"[".repeat(100_000)).message.contains("deeper than 256"));
    assert!(problem("a: &a [*a]").message.contains("own anchor"));
    assert!(problem(&format!("{}x", "- ".repeat(257))).message.contains("deeper than 256"));
    assert_eq!(parse(&format!("{}x", "- ".repeat(256)))[0].problems, []);
    let halves = format!("a: &a {0}x\nb: {0}*a\n", "[".repeat(130)).replace("x", &"]".repeat(130));
    let halves = halves.replace("*a", &format!("*a {}", "]".repeat(130)));
    assert!(problem(&halves).message.contains("deeper than 256"), "through an alias");
}

/// Places are those of the text as written.
#[test]
fn y_10_quotes_go_on_wherever_the_next_line_begins() {
    let value = |text: &str| {
        let node = one(text);
        let value = node.get("a").unwrap().get("b").unwrap().clone();
        match &value.value {
            Value::Sequence(items) => items[0].text().unwrap().to_owned(),
            _ => value.text().unwrap().to_owned(),
        }
    };
    for quote in ['"', '\''] {
        for indent in ["", " ", "  ", "    ", "\t", " \t"] {
            for text in [
                "a:\n  b: QxQ\n  c: 1\n",
                "a:\n  b:\n  - QxQ\n  c: 1\n",
                "a:\n  b: [QxQ, y]\n  c: 1\n",
                "a: {b: QxQ, c: 1}\n",
                "a:\n  b: [\n    QxQ\n  ]\n  c: 1\n",
            ] {
                let broken = format!("{quote}one\n{indent}two\n\n{indent}it's{quote}");
                let broken = if quote == '\'' { broken.replace("it's", "it''s") } else { broken };
                assert_eq!(value(&text.replace("QxQ", &broken)), "one two\nit's", "{text} {indent:?}");
            }
        }
    }
    assert_eq!(value("a:\r\n  b: \"one\\\r\ntwo \\\"\r\n\\\\ \"\r\n"), "onetwo \" \\ ");

    let node = one("a:\n    b: \"x\ny\"\n    c: [\"x\ny\", d, {\ne: 1\n}, \nf\n]\n    g: 1\n");
    let a = node.get("a").unwrap();
    let Value::Sequence(items) = &a.get("c").unwrap().value else { panic!() };
    assert_eq!(items[1].mark, mark(5, 5));
    assert_eq!(items[2].get("e").unwrap().mark, mark(6, 4));
    assert_eq!(items[3].mark, mark(8, 1));
    assert_eq!(a.get("g").unwrap().mark, mark(10, 8));

    let many: String = (0..200).map(|n| format!("  k{n}: 'x\ny'\n")).collect();
    assert_eq!(one(&format!("a:\n{many}")).get("a").unwrap().entries().unwrap().len(), 200);
}

/// Each such line may cost a scan of the text: not of the aliases in it, and not each line of one list.
#[test]
fn y_10_lines_that_begin_too_far_left_are_read_in_bounded_time() {
    let lines = "x,\n".repeat(20_000);
    let node = one(&format!("a:\n  b: [\n{lines}]\n  c: 1\n"));
    let a = node.get("a").unwrap();
    let Value::Sequence(items) = &a.get("b").unwrap().value else { panic!() };
    assert_eq!((items.len(), items[19_999].mark), (20_000, mark(20_002, 1)));
    assert_eq!(a.get("c").unwrap().mark, mark(20_004, 6));

    let mut bomb = String::from("a0: &a0 [xxxxxxxx, xxxxxxxx]\n");
    for level in 1..14 {
        let below = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}]\n"));
    }
    let lists: String = (0..300).map(|number| format!("  k{number}: [\nx]\n")).collect();
    assert_eq!(parse(&bomb)[0].problems, []);
    assert_eq!(parse(&format!("b:\n{lists}"))[0].problems, []);
    assert!(!parse(&format!("{bomb}b:\n{lists}"))[0].problems.is_empty(), "the bound is reached");
}

#[test]
fn y_10_what_is_no_quoted_scalar_keeps_its_rules() {
    for text in [
        "a:\n  b: 'x\n...\n'\n",
        "a:\n  b: 'x\ny\n",
        "a:\n  b: x\n c: y\n",
        "a:\n  b: 'x\ny': z\n",
        "a:\n\tb: 1\n",
    ] {
        assert!(!problem(text).legible, "{text}");
    }
    let bound = format!("a:\n  b: 'x\ny'\n  c: |\n    {}\n", "z".repeat(70 * 1024 * 1024));
    assert!(problem(&bound).message.contains("invalid indentation in quoted scalar"));
}

#[test]
fn tags_are_honoured_or_refused() {
    assert_eq!(one("a: !!str 1").get("a").unwrap().plain(), None);
    assert_eq!(one("a: !!int \"1\"").get("a").unwrap().plain(), Some("1"));
    assert!(problem("a: !Ref x").message.contains("!Ref"));
}

#[test]
fn what_is_left_out_leaves_the_rest() {
    let nested = "- ".repeat(100) + &"[".repeat(200) + "1" + &"]".repeat(200);
    let deep = format!("a:\n  {nested}\nb: &b [*b, *b]\nkind: X\n");
    let documents = parse(&deep);
    let messages: Vec<&str> = documents[0].problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(documents[0].problems.iter().all(|problem| problem.legible));
    assert_eq!(documents[0].node.get("kind").unwrap().text(), Some("X"));
}

#[test]
fn keys_must_be_text() {
    assert_eq!(problem("? [a]\n: 1\n").message, "a key must be text");
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn any_yaml_like_text_is_read_without_panic(text in "([-a-z:&*<>|!\"'{}\\[\\],#%?~ \t\n0-9]|---\n|: |- |\\n  ){0,200}") {
        let _ = parse(&text);
    }
}
