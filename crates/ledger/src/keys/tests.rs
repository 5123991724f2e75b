use super::*;
use comity_core::Entropy;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn memory() -> MemoryKeys {
    MemoryKeys::new(Arc::new(Counting(1.into())))
}

#[tokio::test]
async fn unwraps_only_what_was_wrapped_for_the_same_use() {
    let (keys, acme, other) = (memory(), Tenant::local(), "other".parse::<Tenant>().unwrap());
    let by = keys.current(&acme).await.unwrap();
    let secret = Secret::new([9; 32]);
    let wrapped = keys.wrap(&acme, by, b"subject", &secret).await.unwrap();
    assert_eq!(keys.unwrap(&acme, by, b"subject", &wrapped).await, Ok(secret.clone()));
    let damaged = KeyFault::Damaged { tenant: acme.clone(), id: by };
    assert_eq!(keys.unwrap(&acme, by, b"another", &wrapped).await, Err(damaged.clone()));
    for at in 0..wrapped.len() {
        let mut bad = wrapped.clone();
        bad[at] ^= 1;
        assert_eq!(keys.unwrap(&acme, by, b"subject", &bad).await, Err(damaged.clone()), "byte {at}");
    }
    assert_eq!(keys.unwrap(&acme, by, b"subject", &wrapped[..20]).await, Err(damaged));
    let gone = KeyFault::Gone { tenant: other.clone(), id: by };
    assert_eq!(keys.unwrap(&other, by, b"subject", &wrapped).await, Err(gone));
    // The same bytes as another tenant's key do not open it either.
    let same = TenantKey::new(other, Secret::new([1; 32]));
    assert_eq!(same.id(), by);
    assert!(same.unwrap(b"subject", &wrapped).is_err());
}

#[tokio::test]
async fn a_destroyed_key_unwraps_nothing_and_its_successor_stays() {
    let (keys, acme) = (memory(), Tenant::local());
    let first = keys.current(&acme).await.unwrap();
    let wrapped = keys.wrap(&acme, first, b"s", &Secret::new([9; 32])).await.unwrap();
    let second = keys.advance(&acme, first).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(keys.advance(&acme, first).await, Ok(second), "two who ask get one key");
    assert_eq!(keys.living(&acme).await, Ok(vec![first, second]));
    assert_eq!(keys.destroy(&acme, first).await, Ok(Destroyed::Here));
    assert_eq!(keys.destroy(&acme, first).await, Ok(Destroyed::Here), "again");
    assert_eq!(keys.current(&acme).await, Ok(second));
    let gone = KeyFault::Destroyed { tenant: acme.clone(), id: first };
    assert_eq!(keys.unwrap(&acme, first, b"s", &wrapped).await, Err(gone));
}

#[tokio::test]
async fn the_seed_and_the_first_pin_stay() {
    let keys = memory();
    let seed = keys.signing_seed().await.unwrap();
    assert_eq!(keys.clone().signing_seed().await, Ok(seed));
    assert_eq!(keys.pinned("log").await, Ok(None));
    assert_eq!(keys.pin("log", "one").await.as_deref(), Ok("one"));
    assert_eq!(keys.pin("log", "two").await.as_deref(), Ok("one"));
    assert_eq!(keys.pinned("log").await, Ok(Some("one".to_owned())));
}

#[test]
fn secrets_are_not_printed() {
    let key = TenantKey::new(Tenant::local(), Secret::new([0xab; 32]));
    let shown = format!("{key:?} {:?}", key.secret());
    assert!(!shown.contains("ab, ab") && !shown.contains("171"), "{shown}");
}
