//! What the program logs, which `POST /logging` changes.

use std::io::{IsTerminal, Stderr};
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::Formatter;
use tracing_subscriber::fmt::format::{DefaultFields, Format};
use tracing_subscriber::reload;

type Handle = reload::Handle<EnvFilter, Formatter<DefaultFields, Format, fn() -> Stderr>>;

/// The filter of the subscriber that [`install`] made.
static FILTER: OnceLock<Handle> = OnceLock::new();

/// Logs to standard error what passes the filter.
///
/// If the program that runs this proxy has a subscriber already, nothing changes, and there is no `/logging`.
pub(crate) fn install(filter: &str) -> Result<(), ParseError> {
    let stderr: fn() -> Stderr = std::io::stderr;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter.parse::<EnvFilter>()?)
        .with_writer(stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_filter_reloading();
    let handle = subscriber.reload_handle();
    if subscriber.try_init().is_ok() {
        let _: Result<(), Handle> = FILTER.set(handle);
    }
    Ok(())
}

/// Whether the filter can be changed.
pub(crate) fn is_ours() -> bool {
    FILTER.get().is_some()
}

/// Sets the filter, if one is given, and returns the filter in force.
pub(crate) fn change(filter: Option<&str>) -> Result<String, String> {
    let Some(handle) = FILTER.get() else { return Err("the program logs in its own way".into()) };
    if let Some(filter) = filter {
        let new: EnvFilter = filter.parse().map_err(|error: ParseError| error.to_string())?;
        handle.reload(new).map_err(|error| error.to_string())?;
        tracing::info!(filter, "what is logged has been changed");
    }
    handle.with_current(ToString::to_string).map_err(|error| error.to_string())
}
