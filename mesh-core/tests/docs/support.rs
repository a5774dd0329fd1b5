//! The page of implemented features.

use std::fmt::Write as _;

use mesh_core::analysis::{Code, Level};
use mesh_core::api::Documents;
use mesh_core::api::message::{Note, Status};
use mesh_core::read::{KINDS, Support, SupportRow, support};

use super::root;

const HEAD: &str = "\
# What of the API is implemented

Made from the tables that the decoder runs on; `just update-docs` rewrites it. A field that is *refused* is
known, and an error (`MESH0002` at its file, line and column) wherever it is used: nothing is ignored in
silence. One that is *accepted, no effect* stands in stock files and concerns a control plane, Envoy or
people; *told* means that a value which asks for something is reported, with the reason, and the rest goes
on. What stands below a refused field is refused with it. `[]` is a list, `{}` a map, `=` a value.

Kubernetes objects are read in part: what concerns a mesh is listed, everything else in them is left alone.
";

/// The page, as it should be. Kinds that are read by one table share a section.
fn page() -> String {
    let rows = support();
    let mut sections: Vec<(Vec<&str>, String)> = Vec::new();
    for group in rows.chunk_by(|one, other| one.kind == other.kind) {
        let (kind, table) = (&*group[0].kind, fields(group));
        match sections.iter_mut().find(|(_, known)| *known == table) {
            Some((kinds, _)) => kinds.push(kind),
            None => sections.push((vec![kind], table)),
        }
    }
    let mut page = HEAD.to_owned();
    kinds(&mut page);
    for (kinds, table) in sections.iter().filter(|(_, table)| !table.is_empty()) {
        let _ = write!(page, "\n## {}\n\n| field | type | |\n|---|---|---|\n{table}", kinds.join(", "));
    }
    page
}

fn kinds(page: &mut String) {
    page.push_str("\n## Kinds\n\n| group | kind | versions | |\n|---|---|---|---|\n");
    for kind in KINDS {
        let status = match kind.support {
            Support::Supported => "supported",
            Support::Refused => "refused",
            Support::FailClosed => "refused, and the whole configuration with it (fail closed)",
        };
        let group = if kind.group.is_empty() { "core" } else { kind.group };
        let _ = writeln!(page, "| {group} | {} | {} | {status} |", kind.name, kind.versions.join(", "));
    }
}

fn fields(rows: &[SupportRow]) -> String {
    let mut table = String::new();
    for row in rows.iter().filter(|row| !row.path.is_empty()) {
        let status = match (row.status, row.note) {
            (Status::Refused, _) => "refused".to_owned(),
            (Status::Deprecated, _) => "supported, deprecated (`IST0002`)".to_owned(),
            (Status::Inert, Some(Note { why, level: Some(_), .. })) => {
                format!("accepted, no effect (told): {why}")
            }
            (Status::Inert, Some(Note { why, .. })) => format!("accepted, no effect: {why}"),
            (Status::Supported | Status::Inert, _) => "supported".to_owned(),
        };
        let _ = writeln!(table, "| `{}` | {} | {status} |", row.path, row.shape);
    }
    table
}

#[test]
fn the_support_page_is_what_the_decoder_does() {
    let file = root().join("docs/support.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let stale = page.lines().zip(written.lines()).find(|(is, was)| is != was);
    assert!(page == written, "docs/support.md is stale; run `just update-docs`. First difference: {stale:?}");
}

/// A value of a row's type, as JSON.
fn value(row: &SupportRow) -> String {
    if let Some((_, value)) = row.path.split_once('=') {
        return format!("{value:?}");
    }
    let sample = match row.shape {
        "GatewayAddress" => "{\"type\": \"Hostname\"}",
        _ if row.path == "addresses[].type" => "\"Hostname\"",
        _ if row.path.starts_with("probe.") && row.path.ends_with(".host") => "\"127.0.0.1\"",
        "string" | "Timestamp" | "bytes" => "\"a\"",
        "bool" => "true",
        "Duration" => "\"1s\"",
        "enum" => "null",
        "any" => "{\"a\": \"b\"}",
        shape if shape.starts_with(char::is_uppercase) => "{}",
        _ => "1",
    };
    sample.to_owned()
}

/// This row alone, as the fields of its kind, in JSON.
fn alone(row: &SupportRow) -> String {
    let path = row.path.split('=').next().expect("a path");
    path.rsplit('.').fold(value(row), |inner, part| {
        let end = part.find(['[', '{']).unwrap_or(part.len());
        let wrapped = part.as_bytes()[end..].chunks(2).rev().fold(inner, |inner, with| {
            if with == b"[]" { format!("[{inner}]") } else { format!("{{\"k\": {inner}}}") }
        });
        let beside = if row.path == "addresses[].value" { "\"type\": \"Hostname\", " } else { "" };
        let beside = if part == "value" { beside } else { "" };
        format!("{{{beside}\"{}\": {wrapped}}}", &part[..end])
    })
}

/// A document in which this row stands below `spec`, and one in which it stands at the root: one of them is it.
fn documents_of(row: &SupportRow) -> Vec<String> {
    let fields = alone(row);
    if row.kind == "MeshConfig" {
        let head = "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}";
        return vec![format!("{head}, data: {{mesh: '{fields}'}}}}")];
    }
    let (group, name) = row.kind.rsplit_once('/').unwrap_or(("", &row.kind));
    let kind = KINDS.iter().find(|kind| kind.group == group && kind.name == name).expect("a kind");
    let version = kind.versions.last().expect("a version");
    let version = if group.is_empty() { (*version).to_owned() } else { format!("{group}/{version}") };
    let head = format!("{{\"apiVersion\": \"{version}\", \"kind\": \"{name}\"");
    let spec = format!("{head}, \"metadata\": {{\"name\": \"a\"}}, \"spec\": {fields}}}");
    vec![spec, format!("{head}, {}", &fields[1..])]
}

/// Y-9: a field that the page calls refused is refused where it is written, and no other field is: neither by the
/// decoder nor by the later checks of values.
#[test]
fn y_9_every_row_is_refused_or_not_as_the_page_says() {
    let mut wrong = Vec::new();
    let mut counts = (0, 0);
    for row in support().iter().filter(|row| !row.path.is_empty()) {
        let refused = documents_of(row).into_iter().any(|text| {
            let (_, diagnostics) = Documents::parse([("row.yaml", text)]);
            let mut found = diagnostics.iter();
            found.any(|found| found.code == Code::NotImplemented && found.level == Level::Error)
        });
        let says = row.status == Status::Refused;
        if says {
            counts.0 += 1
        } else {
            counts.1 += 1
        }
        if refused != says {
            wrong.push(format!("{} {}: {}", row.kind, row.path, documents_of(row)[0]));
        }
    }
    assert!(counts.0 > 50 && counts.1 > 1000, "{counts:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
