//! The sign-ups on disk: table `polls_prospect` of database `prospect`.
//!
//! A demonstration must start with nothing installed, and a real one must use a real database. So there are
//! two engines behind one type: SQLite in a file that several processes share (the default), and MySQL or
//! MariaDB. Both are opened so that many instances may start at the same moment, on an empty disk, and none
//! of them fails.

mod mysql;
mod sqlite;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::{MySqlPool, SqlitePool};

use crate::model::{Draft, Signup};

/// How long a call may wait for a lock or a connection before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

const INSERT: &str = "INSERT INTO polls_prospect (firstname, lastname, email) VALUES (?, ?, ?)";
const NEWEST: &str = "SELECT id, firstname, lastname, email FROM polls_prospect ORDER BY id DESC LIMIT ?";
const COUNT: &str = "SELECT COUNT(*) FROM polls_prospect";
const OF_DOMAIN: &str = "SELECT COUNT(*), COUNT(DISTINCT email) FROM polls_prospect WHERE email LIKE ?";

/// Where the sign-ups are kept, as given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A file, made if it is missing.
    Sqlite(PathBuf),
    /// `mysql://user:password@host:port/database`; without a database name, `prospect`.
    MySql(String),
}

impl FromStr for Location {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if let Some(rest) = text.strip_prefix("mariadb://") {
            return Ok(Self::MySql(format!("mysql://{rest}")));
        }
        if text.starts_with("mysql://") {
            return Ok(Self::MySql(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            bail!("{text}: give a file, sqlite:FILE, mysql://… or mariadb://…");
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::MySql(url) => f.write_str(url),
        }
    }
}

/// A pool of connections to the table. Clones share it.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Sqlite(SqlitePool),
    MySql(MySqlPool),
}

impl Store {
    /// Connects, and makes the database and the table where they are missing.
    pub(crate) async fn open(location: &Location) -> anyhow::Result<Self> {
        match location {
            Location::Sqlite(path) => sqlite::open(path)
                .await
                .map(Self::Sqlite)
                .with_context(|| format!("opening the SQLite file {}", path.display())),
            Location::MySql(url) => {
                mysql::open(url).await.map(Self::MySql).context("opening the MySQL database")
            }
        }
    }

    /// Stores one checked draft and gives it back with its number.
    pub(crate) async fn insert(&self, draft: Draft) -> sqlx::Result<Signup> {
        let Draft { firstname, lastname, email } = draft;
        let id = match self {
            Self::Sqlite(pool) => {
                let query = sqlx::query(INSERT).bind(&firstname).bind(&lastname).bind(&email);
                query.execute(pool).await?.last_insert_rowid()
            }
            Self::MySql(pool) => {
                let query = sqlx::query(INSERT).bind(&firstname).bind(&lastname).bind(&email);
                i64::try_from(query.execute(pool).await?.last_insert_id()).unwrap_or(i64::MAX)
            }
        };
        Ok(Signup { id, firstname, lastname, email })
    }

    /// The newest sign-ups, newest first, at most `limit`.
    pub(crate) async fn newest(&self, limit: u32) -> sqlx::Result<Vec<Signup>> {
        type Row = (i64, String, String, String);
        let rows: Vec<Row> = match self {
            Self::Sqlite(pool) => sqlx::query_as(NEWEST).bind(limit).fetch_all(pool).await?,
            Self::MySql(pool) => sqlx::query_as(NEWEST).bind(limit).fetch_all(pool).await?,
        };
        let signup = |(id, firstname, lastname, email)| Signup { id, firstname, lastname, email };
        Ok(rows.into_iter().map(signup).collect())
    }

    /// How many sign-ups there are.
    pub(crate) async fn count(&self) -> sqlx::Result<i64> {
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(COUNT).fetch_one(pool).await,
            Self::MySql(pool) => sqlx::query_scalar(COUNT).fetch_one(pool).await,
        }
    }

    /// How many sign-ups have an e-mail address at `domain`, and how many such addresses there are.
    pub(crate) async fn of_domain(&self, domain: &str) -> sqlx::Result<(i64, i64)> {
        let pattern = format!("%@{domain}");
        match self {
            Self::Sqlite(pool) => sqlx::query_as(OF_DOMAIN).bind(pattern).fetch_one(pool).await,
            Self::MySql(pool) => sqlx::query_as(OF_DOMAIN).bind(pattern).fetch_one(pool).await,
        }
    }

    /// Gives the connections back.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::MySql(pool) => pool.close().await,
        }
    }
}
