//! Probes the workload's readiness by a command (HC-3).

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::upstream::health::Answer;

/// Runs the command to its end. Its output is discarded. It is killed when its time is up.
pub(super) async fn run(program: &str, arguments: &[String], limit: Duration) -> Answer {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Dropping this future ends the command.
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return Answer::denied(format!("{program} cannot be run: {error}")),
    };
    match tokio::time::timeout(limit, child.wait()).await {
        Ok(Ok(status)) if status.success() => Answer::pass(),
        Ok(Ok(status)) => Answer::denied(format!("{program}: {status}")),
        Ok(Err(error)) => Answer::silent(error.to_string()),
        Err(_) => {
            // It may have ended meanwhile, and then this fails. `kill` also waits, so that no zombie stays.
            let _ = child.kill().await;
            Answer::silent(format!("{program} did not end within {limit:?}"))
        }
    }
}
