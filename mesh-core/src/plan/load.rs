//! From one good configuration to the next (Y-12).
//!
//! A mistake in a file must not take down what worked before it was made. Four rules, from the
//! smallest thing to the whole:
//!
//! ```text
//! a resource is invalid        -> its last good version stays, everything else moves on
//! a file is emptied or cut     -> what is gone of it stays
//! a host lost a reference      -> its last good rules and clusters stay, other hosts move on
//! a finding is `fail_closed`   -> the whole last good plan stays; with none, start-up fails
//! ```
//!
//! On the first load there is nothing to keep: a lost reference answers 503 (VA-2), and an invalid resource
//! leaves shut what it may have protected. Its hosts answer 503 and name it, until it is mended
//! ([`Documents::refused`]). Under `--istio-runtime` nothing is kept, and what is invalid is left out.

#[cfg(test)]
mod incremental;
mod keep;
mod news;
mod shortened;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::compile::{Memo, compile_after};
use super::{CompileOptions, Plan, WorkloadSource};
use crate::api::{Documents, Source};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
use crate::error::Origin;

/// The configuration in force.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan; its generation counts the loads of this process, from 1.
    pub plan: Arc<Plan>,
    /// The documents that it was made of, kept ones included.
    pub documents: Arc<Documents>,
    /// All findings, of reading and of compiling.
    pub diagnostics: Diagnostics,
    /// Resources, as `Kind namespace/name`, whose last good version stays.
    pub stale_resources: BTreeSet<String>,
    /// Virtual hosts whose last good rules stay.
    pub stale_hosts: BTreeSet<String>,
    /// What the next load need not make again.
    memo: Arc<Memo>,
}

/// Compiles what [`Documents::parse`] or the builder gave, keeping of `last` what is still needed.
///
/// ```
/// use mesh_core::api::Documents;
/// use mesh_core::plan::{CompileOptions, load};
///
/// let (documents, findings) = Documents::parse([("mesh.yaml", "")]);
/// let first = load(documents, findings, &CompileOptions::default(), None).unwrap();
/// let (documents, findings) = Documents::parse([("mesh.yaml", "")]);
/// let second = load(documents, findings, &CompileOptions::default(), Some(&first)).unwrap();
/// assert_eq!(second.plan.generation, 2);
/// ```
///
/// # Errors
/// All findings, if one of them forbids the configuration as a whole, or if `strict` is set, this is
/// the first load and one is an error. `last` then stays in force.
pub fn load(
    mut documents: Documents,
    findings: Diagnostics,
    options: &CompileOptions,
    last: Option<&Loaded>,
) -> Result<Loaded, Diagnostics> {
    let mut diagnostics = findings;
    let mut stale_resources = BTreeSet::new();
    if options.istio_runtime {
        // Where a webhook refuses a document, no proxy ever sees it; nor a field of the mesh config.
        documents.refused = None;
        if let Some(config) = documents.mesh_config.as_mut().filter(|config| config.is_refused()) {
            config.source = Source { refused: Arc::default(), ..Source::clone(&config.source) }.into();
        }
    } else if let Some(last) = last {
        stale_resources = keep::last_good(&mut documents, &mut diagnostics, &last.documents);
    }
    let generation = last.map_or(1, |last| last.plan.generation + 1);
    let options = CompileOptions { generation, ..options.clone() };
    let said = last.map(|last| &*last.documents);
    let nothing = Memo::default();
    let memo = last.map_or(&nothing, |last| &*last.memo);
    let (compiled, memo) = compile_after(&documents, &options, last.map(|last| &*last.plan), said, memo);
    diagnostics.append(compiled.diagnostics);
    if last.is_none() && !options.gateway && matches!(options.workload, WorkloadSource::Unknown) {
        diagnostics.push(unknown_workload());
    }
    diagnostics.sort();
    let refused = options.strict && last.is_none() && diagnostics.has_errors();
    if refused || diagnostics.fail_closed().is_some() {
        return Err(diagnostics);
    }
    Ok(Loaded {
        plan: Arc::new(compiled.plan),
        documents: Arc::new(documents),
        diagnostics,
        stale_resources,
        stale_hosts: compiled.stale_hosts,
        memo: Arc::new(memo),
    })
}

/// Who calls decides what is seen and which rules hold (MC-4); told once, at the start.
fn unknown_workload() -> Diagnostic {
    let message = "nothing says which workload this is: namespace and account are `default`, without labels";
    Diagnostic::new(Code::ReferencedResourceNotFound, Origin::default(), message)
        .level(Level::Warning)
        .hint("name it, or its Deployment, or set POD_NAMESPACE and what else Kubernetes tells a pod")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec: {hosts: [a], http: [{name: good, route: [{destination: {host: a}}]}]}
";

    fn options() -> CompileOptions {
        CompileOptions { workload: WorkloadSource::Named("web".into()), ..CompileOptions::default() }
    }

    fn loaded(files: &[(&str, &str)], last: Option<&Loaded>) -> Result<Loaded, Diagnostics> {
        let (documents, findings) = Documents::parse(files.iter().copied());
        load(documents, findings, &options(), last)
    }

    fn rule(loaded: &Loaded) -> String {
        loaded.plan.outbound[&80].host("a").unwrap().routes[0].name.to_string()
    }

    #[test]
    fn y_12_an_invalid_resource_keeps_its_last_good_version() {
        let first = loaded(&[("mesh.yaml", GOOD)], None).unwrap();
        let broken = GOOD
            .replace("name: good,", "name: bad, retrys: 3,")
            .replace("port: 80", "port: 80}, {name: http-b, port: 81");
        let second = loaded(&[("mesh.yaml", &broken)], Some(&first)).unwrap();
        assert_eq!(rule(&second), "good");
        assert!(second.plan.outbound.contains_key(&81), "the rest moves on");
        assert_eq!(second.stale_resources.iter().collect::<Vec<_>>(), ["VirtualService default/a"]);
        assert_eq!(second.plan.generation, 2);
        let alone = loaded(&[("mesh.yaml", &broken)], None).unwrap();
        assert_eq!(rule(&alone), "refused", "on first load its hosts answer so");
    }

    #[test]
    fn mc_4_who_does_not_know_itself_is_told_once() {
        let told = |options: &CompileOptions, last: Option<&Loaded>| {
            let (documents, findings) = Documents::parse([("mesh.yaml", GOOD)]);
            load(documents, findings, options, last).unwrap()
        };
        let warnings = |loaded: &Loaded| {
            let found = loaded.diagnostics.iter();
            found.filter(|finding| finding.message.contains("which workload this is")).count()
        };
        let unknown = CompileOptions::default();
        let first = told(&unknown, None);
        assert_eq!(warnings(&first), 1);
        assert_eq!(warnings(&told(&unknown, Some(&first))), 0);
        assert_eq!(warnings(&told(&options(), None)), 0);
    }

    /// Every kind of document: what it is of is not asked.
    #[test]
    fn y_12_an_unreadable_file_keeps_nodes_too() {
        let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n}\n";
        let first = loaded(&[("node.yaml", node)], None).unwrap();
        let second = loaded(&[("node.yaml", "apiVersion: [")], Some(&first)).unwrap();
        assert_eq!(second.documents.nodes, first.documents.nodes);
    }

    #[test]
    fn y_12_what_was_deleted_is_gone() {
        let first = loaded(&[("mesh.yaml", GOOD)], None).unwrap();
        let service = GOOD.split("---").next().unwrap();
        let second = loaded(&[("mesh.yaml", service)], Some(&first)).unwrap();
        assert_eq!(rule(&second), "default");
        assert!(second.stale_resources.is_empty());
    }

    #[test]
    fn y_12_an_unreadable_file_keeps_what_it_said() {
        let first = loaded(&[("mesh.yaml", GOOD)], None).unwrap();
        let second = loaded(&[("mesh.yaml", "apiVersion: [")], Some(&first)).unwrap();
        assert_eq!(rule(&second), "good");
        assert!(second.diagnostics.has_errors());
    }

    /// What a file said before it could not be read is what a cut is seen by.
    #[test]
    fn y_12_a_file_that_was_unreadable_in_between_is_still_seen_to_be_cut() {
        let more = "---\napiVersion: v1\nkind: Service\nmetadata: {name: c}\nspec:\n  ports:\n  - {name: http, port: 80}\n  \
                    - {name: grpc, port: 81}\n---\napiVersion: v1\nkind: Node\nmetadata: {name: n}\n";
        let whole = format!("{GOOD}{more}");
        let first = loaded(&[("mesh.yaml", &whole)], None).unwrap();
        let (documents, mut findings) = Documents::parse([("other.yaml", "")]);
        let origin = Origin { file: "mesh.yaml".into(), ..Origin::default() };
        findings.push(Diagnostic::new(Code::SchemaValidationError, origin, "permission denied"));
        let second = load(documents, findings, &options(), Some(&first)).unwrap();
        assert_eq!(rule(&second), "good");
        let cut = &whole[..whole.find("  - {name: grpc").unwrap()];
        let third = loaded(&[("mesh.yaml", cut), ("other.yaml", "")], Some(&second)).unwrap();
        assert!(third.plan.outbound[&81].host("c").is_some(), "what was cut off stays");
        let gone = loaded(&[("other.yaml", "")], Some(&second)).unwrap();
        assert!(gone.documents.files.0.keys().all(|file| &**file == "other.yaml"), "and not for ever");
    }

    /// What is kept of the mesh config is the same at each load, so that what depends on it stays too.
    #[test]
    fn a_mistake_in_the_mesh_config_lets_the_rest_be_taken_over() {
        let config = |more: &str| {
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata:\n  mesh: |\n    \
                 trustDomain: example.org\n{more}"
            )
        };
        let load =
            |config: &str, last| loaded(&[("mesh.yaml", GOOD), ("config.yaml", config)], last).unwrap();
        let first = load(&config(""), None);
        let broken = config("    connectTimeout: soon\n");
        let second = load(&broken, Some(&first));
        assert!(second.diagnostics.has_errors());
        let third = load(&broken, Some(&second));
        let of = |loaded: &Loaded| loaded.documents.mesh_config.clone().expect("there is one");
        assert!(of(&third).is_same(&of(&second)), "the same mistake, the same mesh config");
        let moved = load(&broken.replace("    trustDomain", "    # a remark\n    trustDomain"), Some(&third));
        assert!(!of(&moved).is_same(&of(&third)), "it stands elsewhere");
        let fourth = load(&config("    connectTimeout: 7s\n"), Some(&third));
        assert_ne!(of(&fourth), of(&third));
    }

    #[test]
    fn what_says_who_may_call_and_is_not_implemented_forbids_all() {
        let policy =
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {}\n";
        assert!(loaded(&[("mesh.yaml", GOOD), ("policy.yaml", policy)], None).is_err());
        let first = loaded(&[("mesh.yaml", GOOD)], None).unwrap();
        assert!(loaded(&[("mesh.yaml", GOOD), ("policy.yaml", policy)], Some(&first)).is_err());
    }

    #[test]
    fn y_12_strict_fails_start_up_on_any_error() {
        let broken = GOOD.replace("host: a}", "host: b}");
        let (documents, findings) = Documents::parse([("mesh.yaml", &broken)]);
        let strict = CompileOptions { strict: true, ..options() };
        assert!(load(documents, findings, &strict, None).is_err());
        assert!(loaded(&[("mesh.yaml", &broken)], None).is_ok());
    }
}
