//! Accounts: what is held and spent never passes the cap, whatever happens at once.

use super::*;
use comity_core::Unit;
use tokio::task::JoinSet;

/// The last unit fits, one more does not, and the refusal names account and unit.
pub async fn a_hold_fits_up_to_the_cap(bench: Bench) {
    let purse = [account(1)];
    bench.must(opening(run_id(1))).await;
    let on = |ops| commit(run_id(1), Fence::Epoch(1), ops);
    let receipt = bench.must(on(vec![ensure(account(1), 10), hold(&purse, tokens(6))])).await;
    assert_eq!(receipt.accounts[0].1.left().tokens, 4, "the receipt shows the account after the commit");
    match bench.commit(on(vec![hold(&purse, tokens(5))])).await {
        Err(Refused::Insufficient { account: cell, id, unit }) => {
            assert_eq!((id, unit, cell.left().tokens), (account(1), Unit::Tokens, 4));
        }
        other => unreachable!("{other:?}"),
    }
    bench.must(on(vec![hold(&purse, tokens(4))])).await;
    bench.must(on(vec![hold(&purse, Amounts { micro_usd: 5, steps: 1, ..Amounts::ZERO })])).await;
    assert!(bench.commit(on(vec![hold(&purse, tokens(1))])).await.is_err());
    bench.must(on(vec![settle(&purse, tokens(10), tokens(7))])).await;
    let cell = bench.account(account(1)).await;
    assert_eq!((cell.held.tokens, cell.spent.tokens, cell.held.micro_usd), (0, 7, 5));
    assert!(bench.commit(on(vec![hold(&purse, tokens(4))])).await.is_err(), "what is spent stays spent");
    bench.must(on(vec![hold(&purse, tokens(3))])).await;
    let absent = bench.commit(on(vec![hold(&[account(9)], tokens(0))])).await;
    assert!(matches!(absent, Err(Refused::NoAccount(id)) if id == account(9)));
}

/// Even a hold of nothing; settling goes on.
pub async fn a_frozen_account_refuses_holds(bench: Bench) {
    let purse = [account(1)];
    bench.must(opening(run_id(1))).await;
    let on = |ops| commit(run_id(1), Fence::Epoch(1), ops);
    bench.must(on(vec![ensure(account(1), 10), hold(&purse, tokens(6)), Op::Freeze(account(1))])).await;
    let refused = bench.commit(on(vec![hold(&purse, tokens(0))])).await;
    assert!(matches!(refused, Err(Refused::Frozen(id)) if id == account(1)));
    bench.must(on(vec![settle(&purse, tokens(6), tokens(1))])).await;
    let cell = bench.account(account(1)).await;
    assert_eq!((cell.frozen, cell.held.tokens, cell.spent.tokens), (true, 0, 1));
}

/// Whichever of the three is too small.
pub async fn a_hold_on_three_accounts_is_all_or_nothing(bench: Bench) {
    let three = [account(1), account(2), account(3)];
    bench.must(opening(run_id(1))).await;
    let on = |ops| commit(run_id(1), Fence::Epoch(1), ops);
    bench.must(on(three.map(|id| ensure(id, 10)).into())).await;
    for small in three {
        bench.must(on(vec![hold(&[small], tokens(8))])).await;
        match bench.commit(on(vec![append("never"), hold(&three, tokens(3))])).await {
            Err(Refused::Insufficient { id, .. }) => assert_eq!(id, small),
            other => unreachable!("{other:?}"),
        }
        bench.must(on(vec![settle(&[small], tokens(8), Amounts::ZERO)])).await;
    }
    for id in three {
        assert_eq!(bench.account(id).await.held, Amounts::ZERO);
    }
    let receipt = bench.must(on(vec![hold(&three, tokens(10))])).await;
    assert_eq!(receipt.accounts.len(), 1, "of shared accounts it does not say how they stand");
    assert_eq!(bench.entries(run_id(1)).await, []);
}

/// 64 callers hold and settle random amounts on one account; the books are exact at the end.
pub async fn concurrent_holds_never_pass_the_cap(bench: Bench) {
    const CAP: u64 = 1_000;
    bench.must(opening(run_id(1))).await;
    bench.must(commit(run_id(1), Fence::Anyone, vec![ensure(account(1), CAP)])).await;
    let mut callers = JoinSet::new();
    for caller in 0..64 {
        callers.spawn(hold_and_settle(bench.store.clone(), caller));
    }
    let books = callers.join_all().await;
    let held: u64 = books.iter().map(|book| book.held).sum();
    let spent: u64 = books.iter().map(|book| book.spent).sum();
    let refused: u64 = books.iter().map(|book| book.refused).sum();
    let cell = bench.account(account(1)).await;
    assert_eq!((cell.held.tokens, cell.spent.tokens), (held, spent), "the books are exact");
    assert!(held + spent <= CAP && refused > 0, "held {held}, spent {spent}, refused {refused}");
    let rest = tokens(CAP - held - spent);
    let over = hold(&[account(1)], tokens(rest.tokens + 1));
    assert!(bench.commit(commit(run_id(1), Fence::Anyone, vec![over])).await.is_err());
    bench.must(commit(run_id(1), Fence::Anyone, vec![hold(&[account(1)], rest)])).await;
}

#[derive(Default)]
struct Book {
    held: u64,
    spent: u64,
    refused: u64,
}

async fn hold_and_settle(store: Store, caller: u64) -> Book {
    let purse = [account(1)];
    let on = |op| store.queue(commit(run_id(1), Fence::Anyone, vec![op]));
    let mut book = Book::default();
    let mut dice = Dice(caller + 1);
    for _ in 0..12 {
        let amount = 1 + dice.roll(60);
        match on(hold(&purse, tokens(amount))).await {
            Ok(receipt) => {
                let cell = &receipt.accounts[0].1;
                assert!(cell.held.tokens + cell.spent.tokens <= cell.caps.tokens, "{cell:?}");
                book.held += amount;
            }
            Err(CommitError::Refused(Refused::Insufficient { account: cell, .. })) => {
                assert!(cell.left().tokens < amount, "refused although it fits: {cell:?}");
                book.refused += 1;
            }
            Err(other) => unreachable!("{other}"),
        }
        if book.held > 0 && dice.roll(3) > 0 {
            let held = 1 + dice.roll(book.held);
            let spent = dice.roll(held.min(3));
            on(settle(&purse, tokens(held), tokens(spent))).await.unwrap();
            book.held -= held;
            book.spent += spent;
        }
    }
    book
}

/// A generator whose seed is the caller's number: a failure comes back.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// In any unit, and on the last of several accounts.
pub async fn settling_more_than_is_held_changes_nothing(bench: Bench) {
    let two = [account(1), account(2)];
    bench.must(opening(run_id(1))).await;
    let on = |ops| commit(run_id(1), Fence::Epoch(1), ops);
    let ops = vec![
        ensure(account(1), 10),
        ensure(account(2), 10),
        hold(&two, tokens(5)),
        hold(&[account(1)], tokens(1)),
    ];
    bench.must(on(ops)).await;
    let before = (bench.account(account(1)).await, bench.account(account(2)).await);
    for op in [
        settle(&two, tokens(6), tokens(1)),
        settle(&two, Amounts { steps: 1, ..tokens(5) }, Amounts::ZERO),
        settle(&two, tokens(1), tokens(u64::MAX)),
    ] {
        let refused = bench.commit(on(vec![append("never"), op.clone()])).await;
        assert!(matches!(refused, Err(Refused::Malformed(_))), "{op:?}: {refused:?}");
    }
    assert_eq!((bench.account(account(1)).await, bench.account(account(2)).await), before);
    assert_eq!(bench.entries(run_id(1)).await, []);
}

/// Also twice in one commit, and after it was used.
pub async fn an_account_that_is_there_keeps_its_caps(bench: Bench) {
    bench.must(opening(run_id(1))).await;
    let on = |ops| commit(run_id(1), Fence::Epoch(1), ops);
    bench
        .must(on(vec![ensure(account(1), 10), ensure(account(1), 99), hold(&[account(1)], tokens(2))]))
        .await;
    bench.must(on(vec![ensure(account(1), 50)])).await;
    let cell = bench.account(account(1)).await;
    assert_eq!((cell.caps.tokens, cell.held.tokens), (10, 2));
}
