//! What of the API is implemented, row by row, from the tables that the decoder runs on.

use super::kinds::{KINDS, MESH_CONFIG, Support};
use crate::api::schema::{Note, Shape, Status, Table};

/// One field of one kind, one value of an enum, or a kind as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportRow {
    /// Kind, with its group where that is needed to tell it apart.
    pub kind: String,
    /// Path below the kind, such as `http[].retries.attempts` or `tls.mode=MUTUAL`; empty for the
    /// kind as a whole.
    pub path: String,
    /// The type as the API names it; empty for a kind.
    pub shape: &'static str,
    /// Whether it does what it says.
    pub status: Status,
    /// Of a field that has no effect: why.
    pub note: Option<Note>,
}

/// All rows, kinds in the order of the table, fields in the order of the API. What stands below a
/// refused field is left out: it is refused with it.
#[must_use]
pub fn support() -> Vec<SupportRow> {
    let mut rows = Vec::new();
    for kind in KINDS {
        let name = match kind.group {
            "" => kind.name.to_owned(),
            group => format!("{group}/{}", kind.name),
        };
        let status = if kind.support == Support::Supported { Status::Supported } else { Status::Refused };
        rows.push(SupportRow { kind: name.clone(), path: String::new(), shape: "", status, note: None });
        if let Some(table) = kind.table {
            fields(&name, "", table, &mut rows);
        }
    }
    fields("MeshConfig", "", MESH_CONFIG, &mut rows);
    rows
}

/// What a field does, and why if nothing.
type Effect = (Status, Option<Note>);

fn fields(kind: &str, parent: &str, table: &Table, rows: &mut Vec<SupportRow>) {
    below(kind, parent, table, None, rows);
}

/// The fields of a message; `inert` says why the message as a whole has no effect, if it has none.
fn below(kind: &str, parent: &str, table: &Table, inert: Option<Note>, rows: &mut Vec<SupportRow>) {
    for field in table.fields {
        let dot = if parent.is_empty() { "" } else { "." };
        let path = format!("{parent}{dot}{}", field.json_name());
        let effect = match (field.status, inert) {
            (Status::Supported, Some(note)) => (Status::Inert, Some(note)),
            _ => (field.status, field.note),
        };
        shape(kind, path, field.shape, effect, rows);
    }
}

fn shape(kind: &str, path: String, shape: Shape, (status, note): Effect, rows: &mut Vec<SupportRow>) {
    let mut row = |path: &str, shape, status| {
        rows.push(SupportRow { kind: kind.into(), path: path.into(), shape, status, note });
    };
    let counts = status != Status::Refused;
    match shape {
        Shape::List(inner) => self::shape(kind, path + "[]", *inner, (status, note), rows),
        Shape::Map(inner) => self::shape(kind, path + "{}", *inner, (status, note), rows),
        Shape::Scalar(name) => row(&path, name, status),
        Shape::Enum(values) => {
            row(&path, "enum", status);
            for value in values.iter().filter(|_| counts && status != Status::Inert) {
                row(&format!("{path}={}", value.name), "value", value.status);
            }
        }
        Shape::Message(table) => {
            row(&path, table.name, status);
            if counts {
                // It is told once, of the message.
                let inert = note.filter(|_| status == Status::Inert).map(|note| Note { level: None, ..note });
                below(kind, &path, table, inert, rows);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::diagnostic::Level;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let rows = support();
        let names: BTreeSet<(&str, &str)> = rows.iter().map(|row| (&*row.kind, &*row.path)).collect();
        assert_eq!(names.len(), rows.len());
    }

    #[test]
    fn rows_tell_what_is_refused() {
        let rows = support();
        let status = |kind: &str, path: &str| {
            rows.iter().find(|row| row.kind == kind && row.path == path).map(|row| row.status)
        };
        let (service, rule) = ("networking.istio.io/VirtualService", "networking.istio.io/DestinationRule");
        assert_eq!(status(service, "http[].retries.attempts"), Some(Status::Supported));
        assert_eq!(status(service, "tcp[]"), Some(Status::Refused));
        assert_eq!(status(service, "tcp[].route[]"), None);
        assert_eq!(status(rule, "trafficPolicy.tls.mode=MUTUAL"), Some(Status::Refused));
        assert_eq!(status("security.istio.io/PeerAuthentication", ""), Some(Status::Refused));
        assert_eq!(status("MeshConfig", "proxyListenPort"), Some(Status::Supported));
    }

    /// Y-9: no row claims that a field works which the code does not read.
    #[test]
    fn y_9_rows_tell_what_has_no_effect_and_why() {
        let rows = support();
        for row in &rows {
            assert_eq!(row.status == Status::Inert, row.note.is_some(), "{} {}", row.kind, row.path);
        }
        let inert = |kind: &str, path: &str| {
            let row = rows.iter().find(|row| row.kind == kind && row.path == path).expect("a row");
            row.note.expect("a note").level
        };
        assert_eq!(inert("MeshConfig", "enableAutoMtls"), Some(Level::Warning));
        assert_eq!(inert("MeshConfig", "defaultConfig.discoveryAddress"), Some(Level::Info));
        assert_eq!(inert("networking.istio.io/Gateway", "servers[].name"), None);
        assert_eq!(inert("MeshConfig", "meshMTLS"), None);
        assert_eq!(inert("MeshConfig", "meshMTLS.minProtocolVersion"), Some(Level::Warning));
    }

    #[test]
    fn y_9_nothing_counts_below_what_has_no_effect() {
        let rows = support();
        for inert in rows.iter().filter(|row| row.status == Status::Inert && !row.path.is_empty()) {
            let below = format!("{}.", inert.path);
            let counts = rows.iter().find(|row| {
                row.kind == inert.kind && row.path.starts_with(&below) && row.status == Status::Supported
            });
            assert_eq!(counts, None, "{}", inert.path);
        }
    }
}
