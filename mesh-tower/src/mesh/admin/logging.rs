//! `/logging`: Envoy's query parameters, for tracing's filters.
//!
//! `level=debug` sets the level of all modules. `paths=mesh_tower:debug,hyper:info` and `mesh_tower=debug` set the level
//! of the named modules only.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Reads the filter in force, or replaces it.
pub(super) type Change = dyn Fn(Option<&str>) -> Result<String, String> + Send + Sync;

/// Applies the query; returns the filter that is then in force.
pub(super) fn answer(query: &str, change: &Change) -> Result<String, String> {
    let mut all = None;
    let mut parts = Vec::new();
    for (name, value) in query.split('&').filter(|part| !part.is_empty()).map(pair) {
        let (name, value) = (decoded(name)?, decoded(value)?);
        let value = &*value;
        match &*name {
            "level" => all = Some(level(value)?.to_owned()),
            "paths" => {
                for path in value.split(',').filter(|path| !path.is_empty()) {
                    let (target, value) = path
                        .rsplit_once(':')
                        .ok_or_else(|| format!("{path:?} is not of the form target:level"))?;
                    parts.push(directive(target, value)?);
                }
            }
            target => parts.push(directive(target, value)?),
        }
    }
    if all.is_none() && parts.is_empty() {
        return change(None);
    }
    let mut filter = match all {
        Some(level) => level,
        None => change(None)?,
    };
    for part in parts {
        if !filter.is_empty() {
            filter.push(',');
        }
        filter.push_str(&part);
    }
    change(Some(&filter))
}

/// Decodes a part of the query: some clients escape its colons.
fn decoded(text: &str) -> Result<Cow<'_, str>, String> {
    percent_decode_str(text).decode_utf8().map_err(|_| format!("{text:?} is not UTF-8"))
}

fn pair(part: &str) -> (&str, &str) {
    part.split_once('=').unwrap_or((part, ""))
}

fn directive(target: &str, value: &str) -> Result<String, String> {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':' | '-');
    if target.is_empty() || !target.chars().all(legal) {
        return Err(format!("{target:?} is no module such as mesh_tower::upstream"));
    }
    Ok(format!("{target}={}", level(value)?))
}

/// tracing's name of a level, from tracing's or Envoy's name.
fn level(name: &str) -> Result<&'static str, String> {
    Ok(match name {
        "trace" => "trace",
        "debug" => "debug",
        "info" => "info",
        "warn" | "warning" => "warn",
        "error" | "critical" => "error",
        "off" => "off",
        _ => return Err(format!("{name:?} is no level: trace, debug, info, warn, error or off")),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn op_3_levels_are_read_and_changed() {
        let now = Mutex::new("info".to_owned());
        let change = move |filter: Option<&str>| {
            let mut now = now.lock().unwrap();
            if let Some(filter) = filter {
                filter.clone_into(&mut now);
            }
            Ok(now.clone())
        };
        let ask = |query: &str| answer(query, &change);
        assert_eq!(ask("").unwrap(), "info");
        assert_eq!(ask("level=debug").unwrap(), "debug");
        assert_eq!(
            ask("paths=mesh_tower::upstream:trace,hyper:warning").unwrap(),
            "debug,mesh_tower::upstream=trace,hyper=warn"
        );
        assert_eq!(ask("level=info&hyper=off").unwrap(), "info,hyper=off");
        assert_eq!(
            ask("paths=mesh_tower%3A%3Aupstream%3Adebug").unwrap(),
            "info,hyper=off,mesh_tower::upstream=debug"
        );
        assert_eq!(
            ask("level=info&mesh_tower%3a%3aupstream=warn").unwrap(),
            "info,mesh_tower::upstream=warn"
        );
        assert_eq!(ask("level=info&hyper=off").unwrap(), "info,hyper=off");
        for (wrong, expected) in [
            ("level=loud", "\"loud\" is no level: trace, debug, info, warn, error or off"),
            ("paths=hyper", "\"hyper\" is not of the form target:level"),
            ("a%20b=info", "\"a b\" is no module such as mesh_tower::upstream"),
        ] {
            assert_eq!(ask(wrong).unwrap_err(), expected);
        }
        assert_eq!(ask("").unwrap(), "info,hyper=off", "what is wrong changes nothing");
    }
}
