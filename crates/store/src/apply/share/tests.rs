//! Three servers that hold, settle and die at random, beside one account that is never divided: what is refused, and
//! what the account comes to, is the same at every moment.

use super::super::{hold, settle};
use super::*;
use std::collections::BTreeMap;

const SERVERS: u64 = 3;
const ID: AccountId = AccountId([1; 16]);

/// A generator that is the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// An account and its slices, as rows.
struct Rows {
    account: AccountCell,
    given: Amounts,
    slices: BTreeMap<u64, Slice>,
    /// How often a batch reached so far.
    reached: [u32; 3],
}

impl Rows {
    fn load(&self, server: u64, reach: Reach) -> Share {
        let others = self.slices.iter().filter(|(other, _)| reach == Reach::All && **other != server);
        Share {
            reach,
            account: (reach != Reach::Own).then(|| (self.account.clone(), self.given)),
            own: self.slices.get(&server).copied(),
            others: others.map(|(other, slice)| (other.to_string().into(), *slice)).collect(),
        }
    }

    fn store(&mut self, server: u64, before: &Share, after: Share) {
        for (other, _) in &before.others {
            self.slices.remove(&other.parse().unwrap());
        }
        self.slices.remove(&server);
        self.slices.extend(after.own.map(|slice| (server, slice)));
        self.slices.extend(after.others.into_iter().map(|(other, slice)| (other.parse().unwrap(), slice)));
        if let Some((account, given)) = after.account {
            (self.account, self.given) = (account, given);
        }
    }

    /// As `Cells::spend` and the backend decide.
    fn act(
        &mut self,
        server: u64,
        act: impl Fn(&mut AccountCell) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut reach = Reach::Own;
        loop {
            let share = self.load(server, reach);
            let cell = share.cell(&Tenant::local());
            let acted = cell.ok_or(Refused::NoAccount(ID)).and_then(|mut cell| act(&mut cell).map(|()| cell));
            let fits = acted.as_ref().is_ok_and(|cell| !cell.frozen && !is_over(cell));
            if fits || reach == Reach::All {
                self.reached[reach as usize] += 1;
                let cell = acted?;
                self.store(server, &share, share.keep(&cell));
                return Ok(());
            }
            reach = reach.further();
        }
    }

    /// The server is gone, and its slice goes back.
    fn die(&mut self, server: u64) {
        let Some(slice) = self.slices.remove(&server) else { return };
        self.account.held = sum(&self.account.held, &slice.held);
        self.account.spent = sum(&self.account.spent, &slice.spent);
        self.given = self.given.saturating_sub(&drawn(&self.account.caps, Some(&slice)));
    }

    fn check(&self, whole: &AccountCell) {
        let of = |pick: fn(&Slice) -> Amounts, own: &Amounts| {
            self.slices.values().fold(*own, |sum_so_far, slice| sum(&sum_so_far, &pick(slice)))
        };
        assert_eq!(of(|slice| slice.held, &self.account.held), whole.held);
        assert_eq!(of(|slice| slice.spent, &self.account.spent), whole.spent);
        assert_eq!(self.account.frozen, whole.frozen);
        let all = self.slices.values().map(|slice| drawn(&whole.caps, Some(slice)));
        assert_eq!(all.fold(Amounts::ZERO, |so_far, drawn| sum(&so_far, &drawn)), self.given);
        for slice in self.slices.values() {
            assert_eq!(sum(&slice.held, &slice.spent).exceeds(&slice.drawn), None, "{slice:?}");
        }
        if !is_over(whole) {
            let promised = sum(&sum(&self.account.held, &self.account.spent), &self.given);
            assert_eq!(promised.exceeds(&whole.caps), None, "more was promised than the caps allow");
        }
    }
}

fn is_over(cell: &AccountCell) -> bool {
    sum(&cell.held, &cell.spent).exceeds(&cell.caps).is_some()
}

fn account(cap: u64) -> AccountCell {
    let caps = Amounts { tokens: cap, steps: 2 * cap, ..Amounts::UNLIMITED };
    let (held, spent) = (Amounts::ZERO, Amounts::ZERO);
    AccountCell { label: "shared".into(), tenant: Tenant::local(), caps, held, spent, frozen: false }
}

fn amount(tokens: u64) -> Amounts {
    Amounts { tokens, steps: 1, micro_usd: 7 * tokens, millis: 3 }
}

#[test]
fn what_is_refused_and_what_is_booked_is_as_if_there_were_no_slices() {
    let mut refused = 0;
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let mut whole = account(40 + dice.roll(400));
        let mut rows =
            Rows { account: whole.clone(), given: Amounts::ZERO, slices: BTreeMap::new(), reached: [0; 3] };
        let mut holds: Vec<Amounts> = Vec::new();
        for _ in 0..200 {
            let server = dice.roll(SERVERS);
            match dice.roll(20) {
                0..=9 => {
                    let wanted = amount(dice.roll(16));
                    let expected = hold(&mut whole, ID, &wanted).is_ok();
                    let found = rows.act(server, |cell| hold(cell, ID, &wanted)).is_ok();
                    assert_eq!(found, expected, "seed {seed}: {wanted:?} of {whole:?}");
                    refused += u32::from(!found);
                    holds.extend(found.then_some(wanted));
                }
                10..=17 if !holds.is_empty() => {
                    // Whoever goes on with a run settles what another server held.
                    let held = holds.swap_remove(dice.roll(holds.len() as u64) as usize);
                    let over = if dice.roll(40) == 0 { 9 } else { 0 };
                    let spent = Amounts { tokens: dice.roll(held.tokens + 1) + over, ..held };
                    settle(&mut whole, &held, &spent).unwrap();
                    rows.act(server, |cell| settle(cell, &held, &spent)).unwrap();
                }
                18 => rows.die(server),
                19 if dice.roll(60) == 0 => {
                    let freeze = |cell: &mut AccountCell| {
                        cell.frozen = true;
                        Ok(())
                    };
                    freeze(&mut whole).unwrap();
                    rows.act(server, freeze).unwrap();
                }
                _ => {}
            }
            rows.check(&whole);
        }
    }
    assert!(refused > 1_000, "{refused} refusals: the caps were hardly reached");
}

#[test]
fn an_account_without_caps_is_looked_at_once() {
    let caps = Amounts::UNLIMITED;
    let whole = AccountCell { caps, ..account(0) };
    let mut rows = Rows { account: whole, given: Amounts::ZERO, slices: BTreeMap::new(), reached: [0; 3] };
    for server in [0, 1].repeat(500) {
        rows.act(server, |cell| hold(cell, ID, &amount(9))).unwrap();
        rows.act(server, |cell| settle(cell, &amount(9), &amount(4))).unwrap();
    }
    assert_eq!(rows.reached, [1_998, 2, 0]);
    assert_eq!(rows.account.spent, Amounts::ZERO, "all of it is in slices");
}

#[test]
fn a_slice_is_large_far_from_the_cap_and_small_near_it() {
    let whole = account(100_000);
    let mut rows = Rows { account: whole, given: Amounts::ZERO, slices: BTreeMap::new(), reached: [0; 3] };
    let mut holds = 0;
    while rows.act(holds % SERVERS, |cell| hold(cell, ID, &amount(10))).is_ok() {
        holds += 1;
    }
    assert_eq!(holds, 10_000, "the last of it is found, whosever slice it is in");
    let [_, account, all] = rows.reached;
    assert!(account < 200 && all < 20, "{:?}", rows.reached);
}
