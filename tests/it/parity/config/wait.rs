//! Rules for requests that are never answered: see [`wait`](crate::parity::wait).

use super::gateway_api;
use super::rule::{destinations, item};
use crate::parity::draw::Draw;
use crate::parity::wait::{PATH, WAITS, Wait};

/// The first rules of a VirtualService for `host`; mostly one for each way of waiting.
pub(super) fn rules(host: &str, draw: &mut Draw) -> String {
    let mut yaml = String::new();
    for (number, wait) in Wait::ALL.into_iter().enumerate() {
        if !draw.percent(90) {
            continue;
        }
        let mut lines = vec![
            format!("name: wait-{number}"),
            format!("match: [{{headers: {{{WAITS}: {{exact: {}}}}}}}]", wait.name()),
            format!("route: [{}]", destinations(host, draw)),
        ];
        lines.extend(wait.rule(draw).iter().map(|line| (*line).to_owned()));
        yaml += &item(&lines);
    }
    yaml
}

/// The same of a route of the Gateway API, at a path that no other rule has.
pub(super) fn http_rules(draw: &mut Draw) -> Vec<String> {
    let mut rules = Vec::new();
    for (number, wait) in Wait::ALL.into_iter().enumerate() {
        if !draw.percent(60) {
            continue;
        }
        let mut lines = vec![
            format!("name: wait-{number}"),
            format!(
                "matches: [{{path: {{type: Exact, value: {PATH}}}, \
                 headers: [{{name: {WAITS}, value: {}}}]}}]",
                wait.name()
            ),
            format!("backendRefs: [{}]", gateway_api::backends("", draw)),
        ];
        lines.extend(wait.gateway_api_rule(draw).iter().map(|line| (*line).to_owned()));
        rules.push(gateway_api::item(&lines));
    }
    rules
}
