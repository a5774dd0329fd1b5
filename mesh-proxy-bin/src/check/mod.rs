//! `mesh-proxy check`: errors in a folder, found by the same code that loads it (AN-1).

mod report;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use mesh_core::analysis::{Diagnostics, Level};
use mesh_core::api::Documents;
use mesh_core::plan::{CompileOptions, ResourceStatus, WorkloadSource, compile, gateway_status};
use mesh_tower::mesh::{Folder, read_folder};
use serde_json::{Value, json};

/// Exit code of `check` when it found something.
const FOUND: u8 = 79;

/// Options of `check`.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "these comments are the help text, shown as they are")]
pub(crate) struct Check {
    /// Folders and files to read; '-' is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How findings are printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
    /// The workload for which to check; unset: one without labels, as gateway and as sidecar.
    #[arg(long, value_name = "NAME")]
    workload: Option<String>,
    /// Exit with 79 if a finding is this bad, or worse.
    #[arg(long, value_enum, default_value = "error", ignore_case = true)]
    failure_threshold: Threshold,
    /// Print findings that are this bad, or worse.
    #[arg(long, value_enum, default_value = "info", ignore_case = true)]
    output_threshold: Threshold,
    /// Print the conditions of GatewayClasses, Gateways, HTTPRoutes and GRPCRoutes too, as a controller would
    /// write them into their status.
    #[arg(long)]
    status: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// The place in the file, with what would be right.
    Text,
    /// A line for each finding, as istioctl prints them.
    Line,
    /// A list of objects.
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Threshold {
    Error,
    Warning,
    Info,
}

impl Threshold {
    fn admits(self, level: Level) -> bool {
        // The worst level sorts first.
        level
            <= match self {
                Self::Error => Level::Error,
                Self::Warning => Level::Warning,
                Self::Info => Level::Info,
            }
    }
}

/// Checks and prints.
pub(crate) fn run(check: &Check) -> anyhow::Result<ExitCode> {
    let Folder { texts: files, findings: unread, .. } = read(&check.paths)?;
    let (mut findings, documents) = find(&files, check.workload.as_deref());
    findings.append(unread);
    findings.sort();
    let failed = findings.iter().any(|finding| check.failure_threshold.admits(finding.level));
    findings.retain(|finding| check.output_threshold.admits(finding.level));
    let mut output = std::io::stdout().lock();
    let status = if check.status { gateway_status(&documents) } else { Vec::new() };
    let lines: String = match check.status && status.is_empty() {
        true => "no resource of the Gateway API\n".to_owned(),
        false => status.iter().map(ToString::to_string).collect(),
    };
    match check.output {
        Output::Text => write!(output, "{}{lines}", report::render(&findings, &files)),
        Output::Line => write!(output, "{findings}{lines}"),
        Output::Json => {
            let list = findings.to_json();
            let status: Value = status.iter().map(ResourceStatus::to_json).collect();
            let whole = if check.status { json!({ "findings": list, "status": status }) } else { list };
            serde_json::to_writer_pretty(&mut output, &whole)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(output))
        }
    }
    .context("printing the findings")?;
    Ok(if failed { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn read(paths: &[PathBuf]) -> anyhow::Result<Folder> {
    let mut found = Folder::default();
    for path in paths {
        if path.as_os_str() == "-" {
            let text = std::io::read_to_string(std::io::stdin()).context("reading standard input")?;
            found.texts.push(("<stdin>".to_owned(), text));
        } else if path.is_dir() {
            let Folder { texts, findings, .. } = read_folder(path).map_err(anyhow::Error::msg)?;
            found.texts.extend(texts);
            found.findings.append(findings);
        } else {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            found.texts.push((path.display().to_string(), text));
        }
    }
    Ok(found)
}

fn find(files: &[(String, String)], workload: Option<&str>) -> (Diagnostics, Documents) {
    let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (documents, mut findings) = Documents::parse(texts);
    for gateway in [false, true] {
        let source = workload.map_or(WorkloadSource::Unknown, |name| WorkloadSource::Named(name.to_owned()));
        let options = CompileOptions { workload: source, gateway, ..CompileOptions::default() };
        findings.append(compile(&documents, &options, None).diagnostics);
    }
    findings.sort();
    (findings, documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_1_a_finding_is_found_once_and_thresholds_hold() {
        let text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  \
                    hosts: [a]\n  http:\n  - route:\n    - destination: {host: nowhere}\n";
        let (findings, _) = find(&[("a.yaml".into(), text.into())], None);
        let errors: Vec<_> = findings.iter().filter(|finding| finding.is_error()).collect();
        assert_eq!(errors.len(), 1, "{findings}");
        assert_eq!(errors[0].code.as_str(), "IST0101");
        assert!(Threshold::Info.admits(Level::Error) && !Threshold::Error.admits(Level::Warning));
    }
}
