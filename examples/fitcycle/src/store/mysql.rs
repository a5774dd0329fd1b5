//! The served engine: MySQL or MariaDB.
//!
//! The database is created only if the server reports that it is missing (error 1049). So an account that may use
//! `prospect` but not create databases is enough once the database exists.

use std::str::FromStr;

use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, MySqlPool};

use super::PATIENCE;

const DATABASE: &str = "prospect";
const UNKNOWN_DATABASE: u16 = 1049;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS polls_prospect (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    firstname VARCHAR(100) NOT NULL,
    lastname VARCHAR(100) NOT NULL,
    email VARCHAR(254) NOT NULL
) DEFAULT CHARACTER SET utf8mb4";

pub(super) async fn open(url: &str) -> sqlx::Result<MySqlPool> {
    let server = MySqlConnectOptions::from_str(url)?;
    let database = server.get_database().unwrap_or(DATABASE).to_owned();
    let options = server.database(&database);

    if let Err(error) = connect_once(&options).await {
        if !is_unknown_database(&error) {
            return Err(error);
        }
        create_database(&options, &database).await?;
    }
    let pool =
        MySqlPoolOptions::new().max_connections(4).acquire_timeout(PATIENCE).connect_with(options).await?;
    sqlx::query(CREATE).execute(&pool).await?;
    Ok(pool)
}

/// A connection outside the pool: the pool would repeat a refusal until its patience ends, and hide the reason.
async fn connect_once(options: &MySqlConnectOptions) -> sqlx::Result<()> {
    options.connect().await?.close().await
}

/// Goes in through `information_schema`, which every server has and every account may use.
async fn create_database(server: &MySqlConnectOptions, name: &str) -> sqlx::Result<()> {
    let mut connection = server.clone().database("information_schema").connect().await?;
    let quoted = name.replace('`', "``");
    let create = format!("CREATE DATABASE IF NOT EXISTS `{quoted}` DEFAULT CHARACTER SET utf8mb4");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
    connection.close().await
}

fn is_unknown_database(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|e| e.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|e| e.number() == UNKNOWN_DATABASE)
}
