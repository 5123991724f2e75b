//! What servers drew of shared accounts, given back: by a server that ends, and for one that is gone.
//!
//! Giving back is always right, whosever the slice is: all of it goes into the account, in one transaction, and a
//! server that still lives draws another. So it takes no more than the signs of life to tell who is gone.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

/// Which slices are given back.
pub enum Whose<'h> {
    /// Those of a server that ends.
    Own(&'h str),
    /// Those of servers that show no sign of life.
    Gone,
}

/// The accounts first, then the slices, each in the order of their keys, as every batch locks them.
const LOCK: &str = "SELECT FROM accounts a WHERE EXISTS (SELECT FROM slices s WHERE s.tenant = a.tenant
        AND s.account = a.id AND split_part(s.holder, '/', 1) = ANY($1)) ORDER BY a.tenant, a.id FOR UPDATE";

const GIVE_BACK: &str = "WITH gone AS (DELETE FROM slices WHERE split_part(holder, '/', 1) = ANY($1) RETURNING *),
    sums AS (SELECT tenant, account,
        sum(drawn_micro_usd)::bigint AS d1, sum(drawn_millis)::bigint AS d2, sum(drawn_steps)::bigint AS d3,
        sum(drawn_tokens)::bigint AS d4, sum(held_micro_usd)::bigint AS h1, sum(held_millis)::bigint AS h2,
        sum(held_steps)::bigint AS h3, sum(held_tokens)::bigint AS h4, sum(spent_micro_usd)::bigint AS s1,
        sum(spent_millis)::bigint AS s2, sum(spent_steps)::bigint AS s3, sum(spent_tokens)::bigint AS s4
        FROM gone GROUP BY tenant, account)
    UPDATE accounts a SET
        held_micro_usd = held_micro_usd + h1, held_millis = held_millis + h2, held_steps = held_steps + h3,
        held_tokens = held_tokens + h4, spent_micro_usd = spent_micro_usd + s1, spent_millis = spent_millis + s2,
        spent_steps = spent_steps + s3, spent_tokens = spent_tokens + s4,
        given_micro_usd = given_micro_usd - CASE WHEN cap_micro_usd = $2 THEN 0 ELSE d1 END,
        given_millis = given_millis - CASE WHEN cap_millis = $2 THEN 0 ELSE d2 END,
        given_steps = given_steps - CASE WHEN cap_steps = $2 THEN 0 ELSE d3 END,
        given_tokens = given_tokens - CASE WHEN cap_tokens = $2 THEN 0 ELSE d4 END
    FROM sums WHERE a.tenant = sums.tenant AND a.id = sums.account";

/// Puts slices back into their accounts: all of these, or none.
pub async fn give_back(client: &Client, whose: Whose<'_>) -> Result<(), Error> {
    let names = match whose {
        Whose::Own(name) => vec![name.to_owned()],
        Whose::Gone => gone(client).await?,
    };
    if names.is_empty() {
        return Ok(());
    }
    client.batch_execute("BEGIN; SET LOCAL comity.tenants = '*'").await?;
    let none = super::codec::stored(comity_core::Amounts::MAX);
    let put = async {
        client.query_typed(LOCK, &[(&names, Type::TEXT_ARRAY)]).await?;
        client.query_typed(GIVE_BACK, &[(&names, Type::TEXT_ARRAY), (&none, Type::INT8)]).await?;
        client.batch_execute("COMMIT").await
    };
    if let Err(error) = put.await {
        client.batch_execute("ROLLBACK").await?;
        return Err(error);
    }
    Ok(())
}

/// Servers that have slices and show no sign of life.
async fn gone(client: &Client) -> Result<Vec<String>, Error> {
    client.batch_execute("BEGIN; SET LOCAL comity.tenants = '*'").await?;
    let sql = "SELECT DISTINCT split_part(s.holder, '/', 1) FROM slices s WHERE NOT EXISTS
        (SELECT FROM servers v WHERE v.owner = split_part(s.holder, '/', 1) AND v.until > clock_timestamp())";
    let rows = client.query_typed(sql, &[]).await?;
    client.batch_execute("COMMIT").await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
