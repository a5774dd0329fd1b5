//! The embedded engine: one file, shared by every api-server process on this machine.
//!
//! Write-ahead logging lets readers go on while one process writes, and survives a SIGKILL. Switching a new
//! file to it takes an exclusive lock for which SQLite does not always wait, so instances that start at once
//! may see "database is locked": that one step is tried again until the shared patience runs out.

use std::path::Path;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::time::{Duration, Instant, sleep};

use super::PATIENCE;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS polls_prospect (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    firstname TEXT NOT NULL,
    lastname TEXT NOT NULL,
    email TEXT NOT NULL
)";

pub(super) async fn open(path: &Path) -> sqlx::Result<SqlitePool> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match prepare(path).await {
            Err(error) if is_busy(&error) && Instant::now() < give_up => {
                sleep(Duration::from_millis(20)).await
            }
            outcome => return outcome,
        }
    }
}

async fn prepare(path: &Path) -> sqlx::Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(PATIENCE);
    let pool =
        SqlitePoolOptions::new().max_connections(4).acquire_timeout(PATIENCE).connect_with(options).await?;
    match sqlx::query(CREATE).execute(&pool).await {
        Ok(_) => Ok(pool),
        Err(error) => {
            pool.close().await;
            Err(error)
        }
    }
}

/// True for `SQLITE_BUSY` (5) and `SQLITE_LOCKED` (6), whatever their extended code says in the upper bytes.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code()?.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}
