use crate::server::{Deed, Server, proxy};
use comity_archive::{Address, Error, Kept, Key, Options, Place, Probe};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The environment of somebody with keys.
pub fn keys() -> BTreeMap<String, String> {
    let said = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "us-east-1")];
    said.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn place(address: &str, port: u16) -> Place {
    let options = Options {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        environment: keys(),
        request: Duration::from_secs(20),
        patience: Duration::from_secs(2),
        ..Options::default()
    };
    Place::open(&address.parse::<Address>().unwrap(), &options).unwrap()
}

fn key(name: &str) -> Key {
    name.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_made_once_and_read_back() {
    let server = Server::start();
    let place = place("s3://books/of/2025", server.port());
    assert_eq!(place.probe([1; 8]).await.unwrap(), Probe { left: None });
    assert_eq!(place.list(None).await.unwrap(), [], "the probe is gone");
    assert_eq!(place.keep(&key("a/1"), b"one".to_vec()).await.unwrap(), Kept::Made);
    assert_eq!(place.keep(&key("a/1"), b"one".to_vec()).await.unwrap(), Kept::There);
    let refused = place.keep(&key("a/1"), b"two".to_vec()).await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict { key, .. } if key == "a/1"), "{refused}");
    assert_eq!(place.read(&key("a/1")).await.unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(place.read(&key("a/2")).await.unwrap(), None);
    let big = vec![7; 6 << 20];
    assert_eq!(place.keep(&key("b/big"), big.clone()).await.unwrap(), Kept::Made);
    assert_eq!(place.read(&key("b/big")).await.unwrap(), Some(big));
    let listed = place.list(None).await.unwrap();
    assert_eq!(listed, [(key("a/1"), 3), (key("b/big"), 6 << 20)]);
    assert_eq!(place.list(Some(&key("a"))).await.unwrap(), [(key("a/1"), 3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_at_once_one_makes_it() {
    let server = Server::start();
    let place = place("s3://books", server.port());
    let kept = (0..100u8).map(|number| {
        let (place, key) = (&place, key("one"));
        async move { place.keep(&key, vec![number; 2_000]).await }
    });
    let kept = join_all(kept).await;
    let winners: Vec<usize> =
        kept.iter().enumerate().filter(|(_, kept)| matches!(kept, Ok(Kept::Made))).map(|(n, _)| n).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    let others = kept.iter().filter(|kept| matches!(kept, Err(Error::Conflict { .. }))).count();
    assert_eq!(others, 99, "{kept:?}");
    let there = place.read(&key("one")).await.unwrap().unwrap();
    assert_eq!(usize::from(there[0]), winners[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_writes_over_objects_is_found_out() {
    let server = Arc::new(Server::start());
    let stripped = place("s3://books", proxy(Arc::clone(&server), Deed::Strip));
    let found = stripped.probe([2; 8]).await.unwrap_err();
    assert!(matches!(found, Error::WritesOver { .. }), "{found}");
    assert_eq!(place("s3://books", server.port()).list(None).await.unwrap(), [], "the probe is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_named() {
    let server = Server::start();
    let place = place("s3://papers/x", server.port());
    for error in [
        place.probe([3; 8]).await.unwrap_err(),
        place.read(&key("a")).await.unwrap_err(),
        place.list(None).await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::NoBucket { place } if place == "s3://papers/x"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_are_refused_in_the_server_s_words() {
    let server = Server::strict();
    let error = place("s3://books", server.port()).probe([4; 8]).await.unwrap_err();
    let Error::Refused { why, .. } = &error else { panic!("{error:?}") };
    assert!(why.contains("InvalidAccessKeyId"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_unreachable() {
    let server = Server::start();
    server.kill();
    let error = place("s3://books", server.port()).keep(&key("a"), b"x".to_vec()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}
