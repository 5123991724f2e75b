//! Brings a database's schema up to date, and finds the role that its rows are guarded by.

use super::connect::Server;
use super::fail;
use crate::error::Error;
use crate::migrations::{self, ID, Migration, checksum};
use crate::store::Access;
use tokio_postgres::{Client, Transaction};

/// Every migration, oldest first. A text that has been released is never changed.
const MIGRATIONS: &[Migration] = &[
    (1, "path", include_str!("../migrations/postgres/0001_path.sql")),
    (2, "proof", include_str!("../migrations/postgres/0002_proof.sql")),
    (3, "rows", include_str!("../migrations/postgres/0003_rows.sql")),
    (4, "slices", include_str!("../migrations/postgres/0004_slices.sql")),
];

/// Keeps two processes from migrating one database at once. Any number would do: "CmTy".
const LOCK: i64 = 0x436d_5479;

/// The role that can see no row of a tenant that was not named.
const ROLE: &str = "comity_app";

/// Makes the role where the login may, and lets it do what the program does: nothing with the tables themselves.
const GRANTS: &str = "
DO $$ BEGIN
    CREATE ROLE comity_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'comity_app') THEN
        BEGIN
            SET LOCAL ROLE comity_app;
            RESET ROLE;
        EXCEPTION WHEN insufficient_privilege THEN
            EXECUTE format('GRANT comity_app TO %I', session_user);
        END;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO comity_app', current_schema());
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO comity_app', current_schema());
        EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO comity_app', current_schema());
        REVOKE INSERT, UPDATE, DELETE ON migrations FROM comity_app;
        -- What is only ever appended. Erasing destroys keys, and no row of these.
        REVOKE UPDATE, DELETE ON entries, payloads, leaves, hashes, pins FROM comity_app;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;";

/// Applies what is missing: all of it, or nothing.
pub async fn bring_up(client: &mut Client, server: &Server) -> Result<(), Error> {
    let fail = |error| fail::explain(&error, &server.place.shown);
    let known = recorded(client).await.map_err(fail)?;
    if known.len() < MIGRATIONS.len() && server.access == Access::Read {
        let why = "it is empty, or of an earlier build, and may only be read here".to_owned();
        return Err(Error::Server { server: server.place.shown.clone(), why });
    }
    if known.len() < MIGRATIONS.len() {
        apply_missing(client, server).await.map_err(fail)?;
    }
    migrations::check(&recorded(client).await.map_err(fail)?, MIGRATIONS)
}

async fn apply_missing(client: &mut Client, server: &Server) -> Result<(), tokio_postgres::Error> {
    let write = client.transaction().await?;
    write.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    write
        .batch_execute(
            "SET LOCAL client_min_messages = warning; SET LOCAL comity.tenants = '*';
             CREATE TABLE IF NOT EXISTS migrations (version bigint PRIMARY KEY, name text NOT NULL,
                 checksum text NOT NULL, applied_ms bigint NOT NULL)",
        )
        .await?;
    // Another process may have been first: what counts is what stands under the lock.
    let done = applied(&write).await?;
    for (version, name, text) in MIGRATIONS {
        if done.iter().any(|(known, _)| known == version) {
            continue;
        }
        write.batch_execute(text).await?;
        let row = (
            i64::try_from(*version).unwrap_or(i64::MAX),
            checksum(text),
            super::codec::stored(server.now.millis()),
        );
        write
            .execute("INSERT INTO migrations VALUES ($1, $2, $3, $4)", &[&row.0, name, &row.1, &row.2])
            .await?;
    }
    let id = "INSERT INTO pins (tenant, name, value) VALUES ('', $1, $2) ON CONFLICT DO NOTHING";
    write.execute(id, &[&ID, &&server.id[..]]).await?;
    write.batch_execute(GRANTS).await?;
    write.commit().await
}

async fn recorded(client: &mut Client) -> Result<Vec<(u64, String)>, tokio_postgres::Error> {
    let read = client.transaction().await?;
    let there = "SELECT to_regclass('migrations') IS NOT NULL";
    if !read.query_one(there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(Vec::new());
    }
    applied(&read).await
}

async fn applied(read: &Transaction<'_>) -> Result<Vec<(u64, String)>, tokio_postgres::Error> {
    let rows = read.query("SELECT version, checksum FROM migrations ORDER BY version", &[]).await?;
    rows.iter().map(|row| Ok((row.try_get::<_, i64>(0)?.unsigned_abs(), row.try_get(1)?))).collect()
}

/// The role that sessions have to take, or nothing when the login itself is bound. Errors when neither is.
pub async fn role(client: &Client, server: &Server) -> Result<Option<&'static str>, Error> {
    let fail = |error| fail::explain(&error, &server.place.shown);
    // A role that another database's migration made may do nothing here until it was granted here.
    let able =
        "SELECT has_table_privilege('entries', 'INSERT') AND has_sequence_privilege('run_blocks', 'USAGE')";
    if client.batch_execute("SET ROLE comity_app").await.is_ok()
        && is_bound(client).await.map_err(fail)?.0
        && client.query_one(able, &[]).await.map_err(fail)?.try_get(0).map_err(fail)?
    {
        return Ok(Some(ROLE));
    }
    client.batch_execute("RESET ROLE").await.map_err(fail)?;
    match is_bound(client).await.map_err(fail)? {
        (true, _) => Ok(None),
        (false, role) => Err(Error::Unguarded { server: server.place.shown.clone(), role }),
    }
}

/// Whether row-level security holds for the role the session has now, and its name.
async fn is_bound(client: &Client) -> Result<(bool, String), tokio_postgres::Error> {
    let query =
        "SELECT NOT rolsuper AND NOT rolbypassrls, rolname::text FROM pg_roles WHERE rolname = current_user";
    let row = client.query_one(query, &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
