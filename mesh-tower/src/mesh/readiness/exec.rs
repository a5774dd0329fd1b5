//! A command that tells whether the workload is ready (HC-3).

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::upstream::health::Answer;

/// Runs the command to its end. What it prints goes nowhere, so that it can't fill anything; when its time
/// is up it is killed.
pub(super) async fn run(program: &str, arguments: &[String], limit: Duration) -> Answer {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Whoever stops waiting for it ends it.
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
            // It may have ended meanwhile; waited for, it leaves nothing behind.
            let _ = child.kill().await;
            Answer::silent(format!("{program} did not end within {limit:?}"))
        }
    }
}
