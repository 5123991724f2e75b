//! Erasures, cut off at every commit and at every use of a key.

use crate::House;
use crate::house::Counter;
use comity_core::{RunId, SubjectId, Tenant};
use comity_govern::Error;
use comity_govern::book::{Aim, Book, Held, Mode};
use comity_ledger::keys::{
    AtHand, Destroyed, KeyFault, KeyFuture, KeyId, Keys, MemoryKeys, Secret, Survivor,
};
use comity_ledger::{EntryKind, RunStatus, Slot, book, verify};
use std::cell::Cell;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const DEAD: fn(&str) -> bool = |_| false;

fn the_book(house: &House, owner: &str) -> Book {
    house.gate.book(&house.person(), owner.into())
}

/// Two runs: one that has ended, and one that is under way.
fn two(house: &House) -> (RunId, RunId) {
    let (over, alive) = (house.open(), house.open());
    house.wait(over.close(RunStatus::Completed)).unwrap();
    house.wait(alive.pause(RunStatus::Waiting)).unwrap();
    (over.id(), alive.id())
}

fn source(house: &House, run: RunId) -> Option<String> {
    let cell = house.wait(house.store.run(&Tenant::local(), run)).unwrap().unwrap();
    let opened = house.wait(comity_ledger::read_one(house.gate.vault(), &cell, 0)).unwrap().unwrap();
    match opened.text(Slot::Source) {
        Err(comity_ledger::Error::Erased { .. }) => None,
        text => Some(String::from_utf8(text.unwrap().unwrap()).unwrap()),
    }
}

fn kinds(house: &House) -> Vec<EntryKind> {
    let id = book::of_tenant(&Tenant::local());
    let Some(cell) = house.wait(house.store.run(&Tenant::local(), id)).unwrap() else { return Vec::new() };
    let mut kinds = Vec::new();
    let read = comity_ledger::read(house.gate.vault(), &cell, |record| {
        kinds.push(record.entry.kind);
        Ok(())
    });
    house.wait(read).unwrap();
    kinds
}

/// What has to be so once an erasure of the first run was finished, by whomever.
fn check(house: &House, gone: RunId, kept: RunId, at: &str) {
    assert_eq!(source(house, gone), None, "{at}: the text is there");
    assert_eq!(source(house, kept).as_deref(), Some("flow"), "{at}: the survivor cannot be read");
    let living = house.wait(house.gate.vault().keys().living(&Tenant::local())).unwrap();
    assert_eq!(living.len(), 1, "{at}: the old tenant key lives");
    for row in house.wait(house.store.subjects(&Tenant::local(), None, 100)).unwrap() {
        assert_eq!(row.cell.wrapped.by, living[0], "{at}: a key was not wrapped anew");
    }
    let kinds = kinds(house);
    let count = |kind| kinds.iter().filter(|other| **other == kind).count();
    assert_eq!((count(EntryKind::Erasing), count(EntryKind::Erased)), (1, 1), "{at}: {kinds:?}");
    house.settle();
    assert_eq!(house.wait(verify(&house.store, None)).unwrap().fault, None, "{at}");
}

/// Gives the command again in another process: it begins, or finishes what was begun.
fn again(house: &House, run: RunId, at: &str) {
    match house.wait(the_book(house, "two").erase(&Aim::Run(run), Mode::Erase, &DEAD)) {
        Ok(_) | Err(Error::NothingToErase) => {}
        Err(error) => panic!("{at}: {error}"),
    }
}

#[test]
fn is_finished_wherever_a_commit_was_the_last_one() {
    for most in 0.. {
        let house = House::new();
        let (gone, kept) = two(&house);
        let done = {
            let book = the_book(&house, "one");
            let aim = Aim::Run(gone);
            let mut erase = pin!(book.erase(&aim, Mode::Erase, &DEAD));
            let count = Cell::new(0);
            house.until(erase.as_mut(), || count.replace(count.get() + 1) >= most)
        };
        let at = format!("after {most} commits");
        let next = house.another();
        if done.is_none() {
            again(&next, gone, &at);
        }
        check(&next, gone, kept, &at);
        if done.is_some() {
            assert!(most >= 5, "it took {most} commits");
            return;
        }
    }
}

/// Keys that fail once a number of them were used, before or after the use.
struct Dying {
    keys: MemoryKeys,
    left: AtomicUsize,
    after: bool,
}

impl Dying {
    fn use_one<T>(&self, used: impl FnOnce() -> Result<T, KeyFault>) -> Result<T, KeyFault> {
        let dead = || KeyFault::Place { place: "a test".to_owned(), why: "the process died".to_owned() };
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 && !self.after {
            return Err(dead());
        }
        let used = used();
        if left == 0 {
            return Err(dead());
        }
        self.left.store(left - 1, Ordering::Relaxed);
        used
    }
}

fn now<T>(mut future: KeyFuture<'_, T>) -> Result<T, KeyFault> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => unreachable!("keys in memory are there at once"),
    }
}

fn ready<'a, T: Send + 'a>(value: Result<T, KeyFault>) -> KeyFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Keys for Dying {
    fn at_hand(&self) -> KeyFuture<'_, AtHand> {
        self.keys.at_hand()
    }

    fn survivors<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Arc<HashMap<SubjectId, Survivor>>> {
        ready(self.use_one(|| now(self.keys.survivors(tenant))))
    }

    fn keep_survivors<'a>(&'a self, tenant: &'a Tenant, kept: Vec<Survivor>) -> KeyFuture<'a, ()> {
        ready(self.use_one(|| now(self.keys.keep_survivors(tenant, kept))))
    }

    fn current<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, KeyId> {
        ready(self.use_one(|| now(Keys::current(&self.keys, tenant))))
    }

    fn living<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Vec<KeyId>> {
        ready(self.use_one(|| now(self.keys.living(tenant))))
    }

    fn advance<'a>(&'a self, tenant: &'a Tenant, from: KeyId) -> KeyFuture<'a, KeyId> {
        ready(self.use_one(|| now(self.keys.advance(tenant, from))))
    }

    fn destroy<'a>(&'a self, tenant: &'a Tenant, id: KeyId) -> KeyFuture<'a, Destroyed> {
        ready(self.use_one(|| now(self.keys.destroy(tenant, id))))
    }

    fn wrap<'a>(
        &'a self,
        tenant: &'a Tenant,
        by: KeyId,
        context: &'a [u8],
        secret: &'a Secret,
    ) -> KeyFuture<'a, Vec<u8>> {
        ready(self.use_one(|| now(self.keys.wrap(tenant, by, context, secret))))
    }

    fn unwrap<'a>(
        &'a self,
        tenant: &'a Tenant,
        by: KeyId,
        context: &'a [u8],
        wrapped: &'a [u8],
    ) -> KeyFuture<'a, Secret> {
        ready(self.use_one(|| now(self.keys.unwrap(tenant, by, context, wrapped))))
    }

    fn signing_seed(&self) -> KeyFuture<'_, Secret> {
        self.keys.signing_seed()
    }

    fn pinned<'a>(&'a self, name: &'a str) -> KeyFuture<'a, Option<String>> {
        self.keys.pinned(name)
    }

    fn pin<'a>(&'a self, name: &'a str, public: &'a str) -> KeyFuture<'a, String> {
        self.keys.pin(name, public)
    }
}

#[test]
fn is_finished_wherever_a_key_was_the_last_one() {
    for after in [false, true] {
        for most in 0.. {
            let house = House::new();
            let (gone, kept) = two(&house);
            let dying = Dying { keys: house.keys(), left: AtomicUsize::new(most), after };
            let dies = house.another_with(Arc::new(dying));
            let done = dies.wait(the_book(&dies, "one").erase(&Aim::Run(gone), Mode::Erase, &DEAD));
            let at = format!("{most} uses of keys, {}", if after { "after" } else { "before" });
            let next = dies.another_with(Arc::new(house.keys()));
            match &done {
                Ok(_) => {}
                Err(Error::Ledger(comity_ledger::Error::Keys(KeyFault::Place { .. }))) => {
                    again(&next, gone, &at);
                }
                Err(error) => panic!("{at}: {error}"),
            }
            check(&next, gone, kept, &at);
            if done.is_ok() {
                assert!(most >= 8, "it took {most} uses");
                break;
            }
        }
    }
}

#[test]
fn a_run_that_is_worked_on_goes_on_through_an_erasure() {
    let house = House::new();
    let (gone, busy) = (house.open(), house.open());
    house.wait(gone.close(RunStatus::Completed)).unwrap();
    house.wait(the_book(&house, "one").erase(&Aim::Run(gone.id()), Mode::Erase, &DEAD)).unwrap();
    house.wait(busy.pause(RunStatus::Waiting)).unwrap();
    let next = house.another();
    let resumed = next.resume(busy.id());
    next.wait(resumed.close(RunStatus::Completed)).unwrap();
    check(&next, gone.id(), busy.id(), "one run goes on");
}

#[test]
fn what_is_alive_or_on_hold_is_not_erased() {
    let house = House::new();
    let (over, _) = two(&house);
    let busy = house.open();
    let book = the_book(&house, "one");
    let all_alive = |_: &str| true;
    let refused = house.wait(book.erase(&Aim::Run(busy.id()), Mode::Erase, &all_alive));
    assert!(matches!(refused, Err(Error::Alive { run, .. }) if run == busy.id()), "{refused:?}");
    let hold = house.wait(book.place(Held::Run(over), "case 7", &DEAD)).unwrap();
    for mode in [Mode::Erase, Mode::Anonymize] {
        let refused = house.wait(book.erase(&Aim::Run(over), mode, &DEAD)).unwrap_err();
        assert!(refused.to_string().contains("`case 7`"), "{refused}");
    }
    assert!(house.wait(book.erase(&Aim::Tenant, Mode::Erase, &DEAD)).is_err());
    assert_eq!(source(&house, over).as_deref(), Some("flow"));
    house.wait(book.lift(hold, &DEAD)).unwrap();
    assert!(matches!(house.wait(book.lift(hold, &DEAD)), Err(Error::NoHold(_))));
    house.wait(book.erase(&Aim::Run(over), Mode::Anonymize, &DEAD)).unwrap();
    assert_eq!(source(&house, over).as_deref(), Some("flow"), "the structure stays");
    house.wait(book.erase(&Aim::Run(over), Mode::Erase, &DEAD)).unwrap();
    assert_eq!(source(&house, over), None);
    let nothing = house.wait(book.erase(&Aim::Run(over), Mode::Erase, &DEAD));
    assert!(matches!(nothing, Err(Error::NothingToErase)), "{nothing:?}");
    assert!(matches!(house.wait(book.erase(&Aim::Run(book_id()), Mode::Erase, &DEAD)), Err(Error::TheBook)));
    house.settle();
    assert_eq!(house.wait(verify(&house.store, None)).unwrap().fault, None);
}

fn book_id() -> RunId {
    book::of_tenant(&Tenant::local())
}

#[test]
fn a_run_whose_texts_were_erased_is_not_gone_on_with() {
    let house = House::new();
    let (_, waiting) = two(&house);
    let receipt = house.wait(the_book(&house, "one").erase(&Aim::Run(waiting), Mode::Erase, &DEAD)).unwrap();
    assert_eq!((receipt.runs, receipt.keys_erased), (vec![waiting], 2));
    let resumed = house.wait(house.gate.resume(waiting, &house.person(), "two".into()));
    assert!(matches!(resumed.err(), Some(Error::Erased(run)) if run == waiting));
    house.settle();
    assert_eq!(house.wait(verify(&house.store, None)).unwrap().fault, None);
}

#[test]
fn only_one_process_erases_at_a_time() {
    let house = House::new();
    let (one, other) = two(&house);
    {
        let book = the_book(&house, "one");
        let aim = Aim::Run(one);
        let mut erase = pin!(book.erase(&aim, Mode::Erase, &DEAD));
        let count = Cell::new(0);
        assert!(house.until(erase.as_mut(), || count.replace(count.get() + 1) >= 3).is_none());
    }
    let next = house.another();
    let alive = |owner: &str| owner == "one";
    let refused = next.wait(the_book(&next, "two").erase(&Aim::Run(other), Mode::Erase, &alive));
    assert!(matches!(&refused, Err(Error::Erasing { owner }) if owner == "one"), "{refused:?}");
    let refused = next.wait(the_book(&next, "two").place(Held::Tenant, "", &alive));
    assert!(matches!(&refused, Err(Error::Erasing { .. })), "{refused:?}");
    next.wait(the_book(&next, "two").erase(&Aim::Run(other), Mode::Erase, &DEAD)).unwrap();
    assert_eq!((source(&next, one), source(&next, other)), (None, None), "the first one was finished too");
}

#[test]
fn what_was_kept_long_enough_is_collected() {
    let house = House::new();
    let (over, waiting) = two(&house);
    let held = house.open();
    house.wait(held.close(RunStatus::Completed)).unwrap();
    let book = the_book(&house, "one");
    house.wait(book.place(Held::Run(held.id()), "", &DEAD)).unwrap();
    let old = || house.wait(book.find_only(&Aim::Old, Mode::Collect, &DEAD)).unwrap();
    assert!(old().runs.is_empty(), "for ever unless it is said");
    house.wait(book.set_retention(Some(30), &DEAD)).unwrap();
    assert!(old().runs.is_empty());
    house.wait(book.set_retention(Some(0), &DEAD)).unwrap();
    assert_eq!((old().runs, old().on_hold), (vec![over], vec![held.id()]));
    house.wait(book.erase(&Aim::Old, Mode::Collect, &DEAD)).unwrap();
    assert_eq!((source(&house, over), source(&house, waiting)), (None, Some("flow".to_owned())));
    assert!(kinds(&house).contains(&EntryKind::Collected));
}

#[test]
fn a_key_that_was_changed_is_an_error_and_nothing_is_destroyed() {
    for change in ["class = 1 - class", "label = x'00'", "label = x''"] {
        for mode in [Mode::Erase, Mode::Anonymize] {
            let house = House::new();
            let (over, _) = two(&house);
            let about = house.open_about("Ada");
            house.wait(about.close(RunStatus::Completed)).unwrap();
            house.wait(the_book(&house, "one").place(Held::Subject("Bo".to_owned()), "", &DEAD)).unwrap();
            let before = house.wait(house.gate.vault().keys().living(&Tenant::local())).unwrap();
            house.tamper(&format!("UPDATE subjects SET {change} WHERE length(label) > 0"));
            for aim in [Aim::Run(about.id()), Aim::Subject("Ada".to_owned()), Aim::Tenant] {
                let refused = house.wait(the_book(&house, "one").erase(&aim, mode, &DEAD));
                let damaged =
                    comity_ledger::Error::Keys(KeyFault::Damaged { tenant: Tenant::local(), id: before[0] });
                let told = refused.expect_err(change).to_string();
                assert_eq!(told, damaged.to_string(), "{change}, {aim:?}");
            }
            let living = house.wait(house.gate.vault().keys().living(&Tenant::local())).unwrap();
            assert_eq!(living, before, "a key was made or destroyed");
            assert_eq!(source(&house, over).as_deref(), Some("flow"));
        }
    }
}

#[test]
fn a_key_that_was_taken_away_is_no_erasure() {
    let house = House::new();
    let (over, kept) = two(&house);
    house.wait(the_book(&house, "one").erase(&Aim::Run(over), Mode::Erase, &DEAD)).unwrap();
    house.settle();
    assert_eq!(house.wait(verify(&house.store, None)).unwrap().fault, None, "the book names it");
    house.tamper("DELETE FROM subjects WHERE class = 0");
    let fault = house.wait(verify(&house.store, None)).unwrap().fault.expect("it went unseen");
    assert!(fault.what.contains("no erasure in the tenant's book"), "{}", fault.what);
    assert!([Some(kept), Some(book_id())].contains(&fault.run));
}

#[test]
fn a_key_that_an_erasure_took_and_that_is_back_is_a_fault() {
    let house = House::new();
    let (over, _) = two(&house);
    house.tamper("CREATE TABLE aside AS SELECT * FROM subjects");
    house.wait(the_book(&house, "one").erase(&Aim::Run(over), Mode::Erase, &DEAD)).unwrap();
    house.settle();
    let back = "INSERT INTO subjects SELECT * FROM aside WHERE NOT EXISTS
                (SELECT 1 FROM subjects s WHERE s.id = aside.id)";
    house.tamper(back);
    let fault = house.wait(verify(&house.store, None)).unwrap().fault.expect("it went unseen");
    assert!(fault.what.contains("an erasure in the tenant's book took it"), "{}", fault.what);
}

#[test]
fn who_finishes_what_another_began_has_its_receipt() {
    let house = House::new();
    let (one, other) = two(&house);
    {
        let book = the_book(&house, "one");
        let aim = Aim::Run(one);
        let mut erase = pin!(book.erase(&aim, Mode::Erase, &DEAD));
        let count = Cell::new(0);
        assert!(house.until(erase.as_mut(), || count.replace(count.get() + 1) >= 3).is_none());
    }
    let next = house.another();
    let receipt = next.wait(the_book(&next, "two").erase(&Aim::Run(one), Mode::Erase, &DEAD)).unwrap();
    assert_eq!((receipt.runs, receipt.keys_erased), (vec![one], 2));
    let receipt = next.wait(the_book(&next, "two").erase(&Aim::Run(other), Mode::Erase, &DEAD)).unwrap();
    assert_eq!((receipt.runs, receipt.finished_before), (vec![other], None));
}

#[test]
fn other_keys_are_refused_before_anything_is_written() {
    let house = House::new();
    let (over, waiting) = two(&house);
    let other = Arc::new(MemoryKeys::new(Arc::new(Counter(AtomicU64::new(7_000)))));
    let wrong = house.another_with(other.clone());
    let entries = || house.wait(house.store.totals()).unwrap().entries;
    let before = entries();
    let refused = |error: Option<Error>, what: &str| {
        let refused =
            matches!(error, Some(Error::Ledger(comity_ledger::Error::Keys(KeyFault::Other { .. }))));
        assert!(refused, "{what}");
    };
    refused(wrong.try_open(None).err(), "a new run");
    refused(wrong.wait(wrong.gate.resume(waiting, &wrong.person(), "two".into())).err(), "a run taken over");
    refused(
        wrong.wait(the_book(&wrong, "two").erase(&Aim::Run(over), Mode::Erase, &DEAD)).err(),
        "an erasure",
    );
    assert_eq!(entries(), before);
    assert!(!wrong.wait(other.at_hand()).unwrap().any(), "a key was made");
    let cell = wrong.wait(wrong.store.run(&Tenant::local(), over)).unwrap().unwrap();
    let opened = wrong.wait(comity_ledger::read_one(wrong.gate.vault(), &cell, 0)).unwrap().unwrap();
    assert_eq!(opened.words(Slot::Source).unwrap(), comity_ledger::UNREADABLE);
    assert_eq!(wrong.gate.vault().unread().len(), 1);
}
