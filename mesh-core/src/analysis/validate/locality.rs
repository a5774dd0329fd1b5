//! `localityLbSetting` (LB-10 to LB-12), of a DestinationRule and of the mesh.

use std::collections::HashSet;

use super::Check;
use crate::api::istio::{Distribute, Failover, LocalityLoadBalancerSetting};
use crate::balance::LocalityPattern;
use crate::diagnostic::Code;
use crate::identity::Topology;

pub(super) fn setting(setting: &LocalityLoadBalancerSetting, check: &mut Check<'_>) {
    let at = &setting.at;
    if !setting.distribute.is_empty() {
        if !setting.failover.is_empty() {
            check.error(at.field("failover"), "excludes `distribute`");
        }
        if !setting.failover_priority.is_empty() {
            let message = "has no effect beside `distribute`";
            check.note(Code::SchemaWarning, at.field("failoverPriority"), message);
        }
    }
    let mut sources: Vec<LocalityPattern> = Vec::new();
    for entry in &setting.distribute {
        distribute(entry, &mut sources, check);
    }
    let mut regions = HashSet::new();
    for entry in &setting.failover {
        failover(entry, check);
        if !regions.insert(&entry.from) {
            let message = format!("the region {} fails over elsewhere already", entry.from);
            check.note(Code::SchemaWarning, entry.at.field("from"), message);
        }
    }
    for (index, label) in setting.failover_priority.iter().enumerate() {
        if !setting.failover.is_empty() && is_topology(label) {
            let message = format!("`{label}` excludes `failover`, which goes by the same");
            check.error(at.item("failoverPriority", index), message);
        }
    }
}

/// LB-12.
fn distribute(entry: &Distribute, sources: &mut Vec<LocalityPattern>, check: &mut Check<'_>) {
    let overlap = |pattern: &LocalityPattern, known: &[LocalityPattern]| {
        known.iter().find(|known| known.overlaps(pattern)).map(|known| format!("overlaps with {known}"))
    };
    match LocalityPattern::parse(&entry.from) {
        Err(message) => check.error(entry.at.field("from"), message),
        Ok(pattern) => {
            if let Some(message) = overlap(&pattern, sources) {
                check.error(entry.at.field("from"), message);
            }
            sources.push(pattern);
        }
    }
    let mut targets = Vec::new();
    for (to, weight) in &entry.to {
        match LocalityPattern::parse(to) {
            Err(message) => check.error(entry.at.entry("to", to), message),
            Ok(pattern) => {
                if let Some(message) = overlap(&pattern, &targets) {
                    check.error(entry.at.entry("to", to), message);
                }
                targets.push(pattern);
            }
        }
        if !(1..=100).contains(weight) {
            check.error(entry.at.entry("to", to), format!("a share is from 1 to 100, not {weight}"));
        }
    }
    let total: u64 = entry.to.values().map(|weight| u64::from(*weight)).sum();
    if total != 100 {
        check.error(entry.at.field("to"), format!("the shares must add up to 100, not {total}"));
    }
}

/// LB-10: regions, and two of them.
fn failover(entry: &Failover, check: &mut Check<'_>) {
    for (field, region) in [("from", &entry.from), ("to", &entry.to)] {
        if region.is_empty() {
            let message = format!("without `{field}` this has no effect");
            check.note(Code::SchemaWarning, entry.at.origin(), message);
        } else if region.contains(['/', '*']) {
            check.error(entry.at.field(field), format!("`{region}` is not a region: neither `/` nor `*`"));
        }
    }
    if entry.from == entry.to {
        check.error(entry.at.field("to"), "a region can't fail over to itself");
    }
}

fn is_topology(key: &str) -> bool {
    // Network and node say nothing of regions.
    Topology::LABELS[1..4].contains(&key)
}
