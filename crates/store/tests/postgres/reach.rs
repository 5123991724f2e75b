//! Getting there: addresses, roles, and servers that are not there.

use crate::*;
use comity_store::Error;
use std::time::{Duration, Instant};

#[test]
fn nothing_is_connected_before_it_is_needed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let store = open(&format!("postgres://ann:s3cret@127.0.0.1:{port}/ledger"));
    store.claim("7-aa".into());
    drop(store);
    assert!(listener.accept().is_err(), "somebody came");
}

#[test]
fn a_server_that_is_not_there_is_named_without_a_password() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let store = open(&format!("postgres://ann:s3cret@127.0.0.1:{port}/ledger"));
    let began = Instant::now();
    let read = wait(store.run(&tenant(), run_id(0))).unwrap_err();
    let written = wait(store.queue(opening(run_id(0)))).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5), "it was never there, so it is not waited for");
    assert!(matches!(read, Error::Unreachable { .. }), "{read:?}");
    for said in [format!("{read} {read:?}"), format!("{written} {written:?}")] {
        assert!(said.contains("127.0.0.1") && !said.contains("s3cret"), "{said}");
    }
    let bad = Store::open(Options::new("postgres://ann:s3cret@127.0.0.1/x?sslmode=prefer", link));
    let said = format!("{:?}", bad.err().unwrap());
    assert!(said.contains("sslmode") && !said.contains("s3cret"), "{said}");
}

#[test]
fn one_that_accepts_and_says_nothing_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let patience = Duration::from_millis(200);
    let options = Options { patience, ..Options::new(format!("postgres://a@127.0.0.1:{port}/x"), link) };
    let store = Store::open(options).unwrap();
    let began = Instant::now();
    let refused = wait(store.run(&tenant(), run_id(0))).unwrap_err();
    assert!(matches!(&refused, Error::Unreachable { why, .. } if why.contains("no answer")), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_login_that_may_see_everything_and_cannot_become_less_is_refused() {
    let url = database("unguarded");
    wait(open(&url).id()).unwrap();
    let role = format!("seer_{}", std::process::id());
    let sql = format!(
        "CREATE ROLE {role} LOGIN BYPASSRLS; GRANT USAGE ON SCHEMA public TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"
    );
    server::psql(&url, &sql);
    let store = open(&url.replace("comity@", &format!("{role}@")));
    let refused = wait(store.run(&tenant(), run_id(0))).unwrap_err();
    assert!(matches!(&refused, Error::Unguarded { role: named, .. } if *named == role), "{refused}");
    assert!(wait(store.queue(opening(run_id(0)))).is_err());
    server::psql(&url, &format!("ALTER ROLE {role} NOBYPASSRLS"));
    let store = open(&url.replace("comity@", &format!("{role}@")));
    wait(must(&store, opening(run_id(0))));
    drop(store);
    server::psql(&url, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn an_owner_of_the_tables_who_may_make_no_roles_is_bound_as_well() {
    let url = database("plain_owner");
    let role = format!("plain_{}", std::process::id());
    let sql = format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}");
    server::psql(&url, &sql);
    let plain = url.replace("comity@", &format!("{role}@"));
    let store = open(&plain);
    wait(must(&store, opening(run_id(0))));
    assert_eq!(wait(chain(&store, run_id(0))).len(), 0);
    drop(store);
    assert_eq!(
        server::psql(&plain, "SELECT count(*) FROM runs"),
        "0",
        "it owns the table, and named no tenant"
    );
    assert_eq!(server::psql(&plain, "SET comity.tenants = 'acme'; SELECT count(*) FROM runs"), "1");
    server::psql(&url, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
