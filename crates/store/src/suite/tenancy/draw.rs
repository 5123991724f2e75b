//! Random commits over few ids, so that the two tenants meet in all of them.

use super::IDS;
use super::world::World;
use crate::cells::{ApprovalState, BreakerChange};
use crate::commit::{
    AccountId, Anchor, Append, Commit, Expect, Fence, KeyId, NewLeaf, NewSubject, Op, Payload, Rewrapped,
    WrappedKey,
};
use comity_core::{Amounts, ApprovalId, Digest, Namespace, RunId, StepId, SubjectId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

const STATES: [ApprovalState; 5] = [
    ApprovalState::Pending,
    ApprovalState::Approved,
    ApprovalState::Rejected,
    ApprovalState::Consumed,
    ApprovalState::Expired,
];

/// Two streams of chance: what is done to which row, and with which values.
pub struct Draw {
    choices: u64,
    values: u64,
    /// Where the choices of the last commit began.
    last: u64,
}

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self { choices: seed, values: !seed, last: seed }
    }

    pub fn below(&mut self, most: u64) -> u64 {
        next(&mut self.choices) % most
    }

    pub fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn id(&mut self) -> [u8; 16] {
        [1 + self.below(u64::from(IDS)) as u8; 16]
    }

    fn value(&mut self, most: u64) -> u64 {
        next(&mut self.values) % most
    }

    fn bytes(&mut self) -> Arc<[u8]> {
        let length = self.value(40);
        (0..length).map(|_| self.value(256) as u8).collect()
    }

    fn digest(&mut self) -> Digest {
        Digest::of(&[&next(&mut self.values).to_be_bytes()])
    }

    fn moment(&mut self) -> Timestamp {
        Timestamp::from_millis(self.value(100_000))
    }

    fn amounts(&mut self) -> Amounts {
        Amounts { micro_usd: self.value(50), millis: 0, steps: self.value(3), tokens: self.value(20) }
    }

    fn key(&mut self) -> KeyId {
        KeyId([self.below(2) as u8; 8])
    }

    fn wrapped(&mut self) -> WrappedKey {
        WrappedKey { by: self.key(), bytes: self.bytes().to_vec() }
    }

    /// A commit that may be applied or refused: every other time it does to the same ids what the last one did, with
    /// other values. What it needs to know of the rows it takes from its own world.
    pub fn commit(&mut self, world: &World) -> Commit {
        let again = self.value(2) == 0;
        let ahead = self.choices;
        self.choices = if again { self.last } else { ahead };
        self.last = self.choices;
        let commit = self.fresh(world);
        if again {
            self.choices = ahead;
        }
        commit
    }

    fn fresh(&mut self, world: &World) -> Commit {
        let run = RunId::from_bytes(self.id());
        let cell = world.run(run);
        let fence = match (&cell, self.below(10)) {
            (None, 0..9) => Fence::New,
            (Some(cell), 0..5) => Fence::Epoch(cell.epoch),
            (Some(_), 5) if self.one_in(4) => Fence::New,
            (_, 6) => Fence::Epoch(1 + self.below(3)),
            _ => Fence::Anyone,
        };
        let mut ops = Vec::new();
        if fence == Fence::New {
            let owner = format!("owner-{}", self.below(3)).into();
            ops.push(Op::OpenRun { namespace: Namespace::default_name(), owner });
        }
        let more = if self.one_in(3) { self.below(3) } else { 0 };
        for _ in 0..1 + more {
            let op = self.op(world, run);
            ops.push(op);
        }
        let expect = if self.one_in(5) { vec![self.expect()] } else { Vec::new() };
        Commit { tenant: world.tenant.clone(), run, fence, at: self.moment(), expect, ops }
    }

    fn expect(&mut self) -> Expect {
        match self.below(3) {
            0 => Expect::Approval(ApprovalId::from_bytes(self.id()), STATES[self.below(5) as usize]),
            1 => Expect::NotFrozen(AccountId(self.id())),
            _ => Expect::Status(&[0, 1, 2]),
        }
    }

    fn op(&mut self, world: &World, run: RunId) -> Op {
        match self.below(18) {
            0..4 => self.append(),
            4 => Op::SetStatus(self.below(4) as u8),
            5 => {
                let epoch = world.run(run).map_or(1, |cell| cell.epoch);
                let from = if self.one_in(4) { 1 + self.below(4) } else { epoch };
                Op::TakeOver { from, owner: format!("owner-{}", self.below(3)).into() }
            }
            6 => {
                let caps = Amounts { tokens: 5_000 * self.below(3), ..Amounts::UNLIMITED };
                Op::EnsureAccount { account: AccountId(self.id()), label: "purse".into(), caps }
            }
            7 | 8 => Op::Hold { accounts: self.accounts(), amounts: self.amounts() },
            9 => {
                let held = if self.one_in(2) { Amounts::ZERO } else { self.amounts() };
                Op::Settle { accounts: self.accounts(), held, spent: self.amounts() }
            }
            10 if self.one_in(20) => Op::Freeze(AccountId(self.id())),
            10 | 11 => self.approval(world, run),
            12 => self.append(),
            13 => self.breaker(),
            14 => self.add_subject(world),
            15 => self.rewrap_or_erase(world),
            16 => self.anchor(world, run),
            _ => Op::Pin {
                name: ["one", "two"][self.below(2) as usize],
                value: vec![self.below(3) as u8].into(),
            },
        }
    }

    /// Asks for a new one or decides an old one, now and then of another run.
    fn approval(&mut self, world: &World, run: RunId) -> Op {
        let approval = ApprovalId::from_bytes(self.id());
        match world.approval(approval) {
            Some(cell) if cell.run_id == run || self.one_in(4) => {
                Op::SetApproval(approval, STATES[self.below(5) as usize])
            }
            Some(_) => self.append(),
            None => {
                let step = StepId::from_bytes(self.id());
                Op::AskApproval { approval, step, binding: self.digest(), expires: self.moment() }
            }
        }
    }

    fn append(&mut self) -> Op {
        let payloads = (0..self.below(3) as u8).map(|slot| Payload {
            slot,
            codec: self.below(2) as u8,
            subject: self.one_in(2).then(|| SubjectId::from_bytes(self.id())),
            salt: self.digest().0,
            body: self.bytes(),
        });
        let payloads = payloads.collect();
        Op::Append(Append { body: self.bytes(), payloads })
    }

    fn accounts(&mut self) -> Arc<[AccountId]> {
        (0..1 + self.below(2)).map(|_| AccountId(self.id())).collect()
    }

    fn breaker(&mut self) -> Op {
        let change = match self.below(3) {
            0 => BreakerChange::Probing { at: self.moment() },
            1 => BreakerChange::Failed { at: self.moment(), threshold: 2, window: Duration::from_secs(60) },
            _ => BreakerChange::Succeeded,
        };
        Op::Breaker { endpoint: format!("endpoint-{}", self.below(u64::from(IDS))).into(), change }
    }

    fn add_subject(&mut self, world: &World) -> Op {
        let id = SubjectId::from_bytes(self.id());
        if world.subject(id).is_some() && !self.one_in(4) {
            return Op::EraseSubjects(vec![id]);
        }
        Op::AddSubject(Box::new(NewSubject {
            id,
            class: self.below(3) as u8,
            of_run: self.one_in(2),
            wrapped: self.wrapped(),
            label: self.bytes().to_vec(),
        }))
    }

    fn rewrap_or_erase(&mut self, world: &World) -> Op {
        let id = SubjectId::from_bytes(self.id());
        if self.one_in(3) {
            return Op::EraseSubjects(vec![id, SubjectId::from_bytes(self.id())]);
        }
        let from = match world.subject(id) {
            Some(cell) if !self.one_in(5) => cell.wrapped.by,
            _ => self.key(),
        };
        Op::Rewrap(vec![Rewrapped { id, from, wrapped: self.wrapped(), label: self.bytes().to_vec() }])
    }

    /// Mostly a leaf that covers more than the last one of its run; now and then only a new note.
    fn anchor(&mut self, world: &World, run: RunId) -> Op {
        let log = world.log();
        let from = if self.one_in(6) { self.below(4) } else { log.size };
        let covered = world.run(run).map_or(0, |cell| cell.next_seq.min(cell.anchored + 1));
        let leaf = NewLeaf {
            run,
            size: if self.one_in(6) { self.below(9) } else { covered },
            kind: self.below(3) as u8,
            root: self.digest(),
            frontier: self.bytes().to_vec(),
        };
        let leaves = if leaf.size == 0 || self.one_in(4) { Vec::new() } else { vec![leaf] };
        let hashes = leaves.iter().map(|_| self.digest()).collect();
        Op::Anchor(Box::new(Anchor { from, leaves, hashes, note: self.bytes() }))
    }
}

/// SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let one = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let two = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    two ^ (two >> 31)
}
