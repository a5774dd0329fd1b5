//! What of the API is implemented, row by row, from the tables that the decoder runs on.

use super::kinds::{KINDS, MESH_CONFIG, Support};
use super::message::{Shape, Status, Table};

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
        rows.push(SupportRow { kind: name.clone(), path: String::new(), shape: "", status });
        if let Some(table) = kind.table {
            fields(&name, "", table, &mut rows);
        }
    }
    fields("MeshConfig", "", MESH_CONFIG, &mut rows);
    rows
}

fn fields(kind: &str, parent: &str, table: &Table, rows: &mut Vec<SupportRow>) {
    for field in table.fields {
        let dot = if parent.is_empty() { "" } else { "." };
        let path = format!("{parent}{dot}{}", field.json_name());
        shape(kind, path, field.shape, field.status, rows);
    }
}

fn shape(kind: &str, path: String, shape: Shape, status: Status, rows: &mut Vec<SupportRow>) {
    match shape {
        Shape::List(inner) => self::shape(kind, path + "[]", *inner, status, rows),
        Shape::Map(inner) => self::shape(kind, path + "{}", *inner, status, rows),
        Shape::Scalar(name) => {
            rows.push(SupportRow { kind: kind.into(), path, shape: name, status });
        }
        Shape::Enum(values) => {
            rows.push(SupportRow { kind: kind.into(), path: path.clone(), shape: "enum", status });
            if status != Status::Refused {
                rows.extend(values.iter().map(|value| SupportRow {
                    kind: kind.into(),
                    path: format!("{path}={}", value.name),
                    shape: "value",
                    status: value.status,
                }));
            }
        }
        Shape::Message(table) => {
            rows.push(SupportRow { kind: kind.into(), path: path.clone(), shape: table.name, status });
            if status != Status::Refused {
                fields(kind, &path, table, rows);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
        assert_eq!(status("MeshConfig", "meshMTLS.minProtocolVersion=TLSV1_2"), Some(Status::Supported));
    }
}
