//! The second wall by itself: statements that name no tenant in their conditions, under the store's own role.

use crate::*;
use comity_core::{ApprovalId, StepId, SubjectId};
use comity_store::{Anchor, BreakerChange, KeyId, NewLeaf, NewSubject, WrappedKey};

/// A tenant with at least one row in every table.
async fn fill(store: &Store, tenant: &str) {
    let run = run_id(1);
    let of = |commit: Commit| Commit { tenant: tenant.parse().unwrap(), ..commit };
    must(store, of(opening(run))).await;
    let approval = ApprovalId::from_bytes([2; 16]);
    let (step, expires) = (StepId::from_bytes([1; 16]), Timestamp::from_millis(9));
    let subject = NewSubject {
        id: SubjectId::from_bytes([5; 16]),
        class: 0,
        of_run: true,
        wrapped: WrappedKey { by: KeyId([1; 8]), bytes: vec![1] },
        label: vec![],
    };
    let ops = vec![
        append("a"),
        append("b"),
        ensure(AccountId([3; 16]), 10),
        ensure(AccountId([4; 16]), 10),
        Op::AskApproval { approval, step, binding: Digest::ZERO, expires },
        Op::Breaker { endpoint: "model".into(), change: BreakerChange::Probing { at: expires } },
        Op::AddSubject(Box::new(subject)),
        Op::Pin { name: "key", value: b"x"[..].into() },
    ];
    must(store, of(commit(run, Fence::Epoch(1), ops))).await;
    let shared = hold(&[AccountId([3; 16]), AccountId([4; 16])], 1);
    must(store, of(commit(run, Fence::Epoch(1), vec![shared]))).await;
    let leaf = NewLeaf { run, size: 1, kind: 1, root: Digest::ZERO, frontier: vec![] };
    let anchor = Anchor { from: 0, leaves: vec![leaf], hashes: vec![Digest::ZERO], note: b"n"[..].into() };
    must(store, of(commit(run, Fence::Anyone, vec![Op::Anchor(Box::new(anchor))]))).await;
}

/// Tables whose rows nothing changes or removes, also not erasing.
const APPENDED: [&str; 5] = ["entries", "hashes", "leaves", "payloads", "pins"];

/// Not even the tenant's own rows are changed or removed under the store's role.
fn stays_as_it_is(url: &str, table: &str) {
    for change in [format!("DELETE FROM {table}"), format!("UPDATE {table} SET tenant = tenant")] {
        let output =
            server::try_psql(url, &format!("SET ROLE comity_app; SET comity.tenants = '*'; {change}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("permission denied"), "{change}: {said}");
    }
}

/// The tables that hold tenants' rows, as the server knows them.
fn tables(url: &str) -> Vec<String> {
    let sql =
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1";
    server::psql(url, sql).lines().map(str::to_owned).collect()
}

/// The columns of a table that are not computed.
fn columns(url: &str, table: &str) -> String {
    let sql = format!(
        "SELECT string_agg(column_name, ', ') FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name = '{table}' AND is_generated = 'NEVER'"
    );
    server::psql(url, &sql)
}

#[test]
fn whatever_a_statement_forgets_another_tenants_rows_do_not_exist() {
    let url = database("wall");
    let store = open(&url);
    wait(async {
        fill(&store, "acme").await;
        fill(&store, "rival").await;
    });
    let tables = tables(&url);
    assert!(tables.len() >= 14, "{tables:?}");
    for table in &tables {
        let all = server::psql(
            &url,
            &format!("SELECT count(*), count(DISTINCT tenant) FROM {table} WHERE tenant <> ''"),
        );
        assert!(all.ends_with("|2"), "{table} holds rows of both: {all}");
        let under = |tenants: &str, sql: &str| {
            server::psql(&url, &format!("SET ROLE comity_app; SET comity.tenants = '{tenants}'; {sql}"))
        };
        assert_eq!(under("acme", &format!("SELECT DISTINCT tenant FROM {table}")), "acme", "{table}");
        assert_eq!(
            under("acme,rival", &format!("SELECT count(DISTINCT tenant) FROM {table}")),
            "2",
            "{table}"
        );
        for nobody in ["", "acm", "acme2", "%", "acme'' OR ''''=''"] {
            assert_eq!(
                under(nobody, &format!("SELECT count(*) FROM {table}")),
                "0",
                "{table} under `{nobody}`"
            );
        }
        let unset = server::psql(&url, &format!("SET ROLE comity_app; SELECT count(*) FROM {table}"));
        assert_eq!(unset, "0", "{table} under nobody");
        let changed =
            "WITH gone AS (DELETE FROM {table} WHERE tenant = 'rival' RETURNING 1) SELECT count(*) FROM gone";
        if APPENDED.contains(&table.as_str()) {
            stays_as_it_is(&url, table);
        } else {
            assert_eq!(under("acme", &changed.replace("{table}", table)), "0", "{table}");
        }
        let moved =
            format!("SET ROLE comity_app; SET comity.tenants = 'acme'; UPDATE {table} SET tenant = 'rival'");
        assert!(!server::try_psql(&url, &moved).status.success(), "a row of {table} was given away");
        let copied = format!(
            "SET ROLE comity_app; SET comity.tenants = 'acme';
             CREATE TEMP TABLE mine AS SELECT * FROM {table} LIMIT 1; UPDATE mine SET tenant = 'rival';
             INSERT INTO {table} ({columns}) SELECT {columns} FROM mine",
            columns = columns(&url, table)
        );
        let output = server::try_psql(&url, &copied);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("row-level security"), "a row was put into {table}: {said}");
    }
}

#[test]
fn every_table_with_a_tenant_is_guarded_and_the_role_is_bound() {
    let url = database("guarded");
    wait(open(&url).id()).unwrap();
    let tables = tables(&url).len().to_string();
    let guarded =
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relrowsecurity AND relforcerowsecurity";
    assert_eq!(server::psql(&url, guarded), tables);
    let role = "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcanlogin FROM pg_roles WHERE rolname = 'comity_app'";
    assert_eq!(server::psql(&url, role), "f");
    let owned = "SELECT count(*) FROM pg_class WHERE relowner = 'comity_app'::regrole";
    assert_eq!(server::psql(&url, owned), "0", "whoever owns a table may take its guard away");
    let sessions = open(&url);
    wait(must(&sessions, opening(run_id(0))));
    let alter = server::try_psql(&url, "SET ROLE comity_app; ALTER TABLE runs DISABLE ROW LEVEL SECURITY");
    assert!(!alter.status.success());
}
