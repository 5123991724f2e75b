//! Two tenants use the same ids at the same time, and neither learns of the other.
//!
//! Each tenant has a world of its own in memory: the rows that its own commits alone make, decided by the same pure
//! function as in any store. Whatever the shared store answers or shows a tenant has to be what its own world does, as
//! if the other tenant did not exist. `COMITY_TENANCY` sets how many commits there are, `COMITY_TENANCY_SEED` which.

mod draw;
mod world;

use super::{Bench, link};
use crate::RunCell;
use crate::error::CommitError;
use comity_core::Tenant;
use draw::Draw;
use std::fmt::Debug;
use world::World;

/// Ids that both tenants use, of every kind of row.
const IDS: u8 = 5;

/// Random commits of both in random order, several of them in one batch; then everything that can be read.
pub async fn neither_of_two_tenants_learns_of_the_other(bench: Bench) {
    let (count, seed) = (number("COMITY_TENANCY", 2_000), number("COMITY_TENANCY_SEED", 1));
    let mut draw = Draw::new(seed);
    let mut worlds = ["acme", "rival"].map(|name| World::new(name.parse().unwrap()));
    let (mut done, mut applied) = (0, [0u64; 2]);
    // Everything is compared some hundred times, however many commits there are.
    let seldom = 20.max(count / 250);
    while done < count {
        let burst = 1 + draw.below(8);
        let mut waiting = Vec::new();
        for _ in 0..burst {
            let who = usize::from(draw.one_in(2));
            let commit = draw.commit(&worlds[who]);
            let told = format!("{commit:?}");
            // In its own world at once: commits are applied in the order they are queued.
            let expected = worlds[who].apply(commit.clone());
            waiting.push((who, told, expected, bench.store.queue(commit)));
        }
        for (who, told, expected, ticket) in waiting {
            let answer = match ticket.await {
                Ok(receipt) => Ok(receipt),
                Err(CommitError::Refused(refused)) => Err(refused),
                Err(CommitError::Failed(error)) => unreachable!("seed {seed}: {told}: {error}"),
            };
            applied[who] += u64::from(answer.is_ok());
            let (answer, expected) = (plain(&answer), plain(&expected));
            assert_eq!(answer, expected, "seed {seed}, after {done} commits, tenant {who}: {told}");
            done += 1;
        }
        if draw.one_in(seldom) || done >= count {
            for (own, other) in [(0, 1), (1, 0)] {
                let (seen, shown) = (worlds[own].seen(&bench.store).await, worlds[own].shown());
                let apart = seen.iter().zip(&shown).find(|(seen, shown)| seen != shown);
                assert_eq!(apart, None, "seed {seed}, after {done} commits");
                assert_eq!(seen.len(), shown.len(), "seed {seed}, after {done} commits");
                forged(&bench, &worlds[own], &worlds[other].tenant).await;
            }
        }
    }
    // Refusals alone would show nothing.
    assert!(applied.iter().all(|applied| applied * 4 > count), "seed {seed}: applied {applied:?} of {count}");
}

/// The cells of one tenant open nothing in the other's name.
async fn forged(bench: &Bench, world: &World, thief: &Tenant) {
    for row in bench.store.runs(&world.tenant, None, usize::MAX).await.unwrap() {
        let cell = RunCell { tenant: thief.clone(), ..row.cell };
        let store = &bench.store;
        let mut entries = 0;
        store.entries(&cell, 0, usize::MAX, |_| entries += 1).await.unwrap();
        assert_eq!(entries, 0, "entries");
        assert_eq!(store.entry_hashes(&cell, 0, usize::MAX).await.unwrap(), [], "hashes of entries");
        assert!(store.approvals(&cell).await.unwrap().is_empty(), "approvals");
        assert_eq!(store.leaf_covering(&cell, 0).await.unwrap(), None, "a leaf");
        assert_eq!(store.last_leaf(&cell).await.unwrap(), None, "the last leaf");
        assert!(store.subjects_of(&cell).await.unwrap().is_empty(), "wrapped keys");
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// An answer in words, without the numbers that a backend gives its rows.
fn plain(answer: &impl Debug) -> String {
    world::without_keys(&format!("{answer:?}"))
}
