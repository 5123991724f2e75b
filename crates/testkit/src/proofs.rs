//! Proofs, and proofs with something wrong in them: what two verifiers that share no code have to agree about.

use crate::random::Random;
use comity_core::Taint;
use comity_core::{Amounts, Digest, Namespace, RunId, Step, StepId, StepKind, Tenant, Timestamp};
use comity_ledger::log::check::Trust;
use comity_ledger::log::checkpoint::{Checkpoint, origin};
use comity_ledger::log::consistency::Consistency;
use comity_ledger::log::leaf::{Leaf, LeafKind, entry_leaf};
use comity_ledger::log::merkle::{Frontier, Head, Lookup, PathBuilder};
use comity_ledger::log::note::{Kind, Note, NoteSigner as _, SecretKey};
use comity_ledger::log::proof::{PLAIN, Proof};
use comity_ledger::{CheckMark, Entry, EntryKind, Slot, StepRef, Verdict, link};

/// Why there are no proofs.
pub type Fault = Box<dyn std::error::Error>;

/// One run: its entries as they are hashed, each with its hash.
struct Chain {
    run: RunId,
    entries: Vec<(String, Digest)>,
}

/// A leaf in the log, and which run it is of.
struct Place {
    chain: usize,
    leaf: Leaf,
}

/// A log with everything that it is proved by.
pub struct Library {
    tenant: Tenant,
    key: SecretKey,
    witness: SecretKey,
    chains: Vec<Chain>,
    places: Vec<Place>,
    stored: Vec<Digest>,
    heads: Vec<Head>,
    /// The signed and witnessed checkpoint of each size.
    notes: Vec<Vec<u8>>,
}

impl Library {
    /// A log of `runs` runs with up to `longest` entries, each with one leaf or more.
    pub fn new(random: &Random, runs: usize, longest: usize) -> Result<Self, Fault> {
        let tenant: Tenant = "acme".parse()?;
        let name = origin(&[0x5e; 16], &tenant);
        let key = SecretKey::new(&name, Kind::Ed25519, &bytes(random))?;
        let witness = SecretKey::new("witness.example/w1", Kind::Cosignature, &bytes(random))?;
        let mut library = Self {
            tenant,
            key,
            witness,
            chains: Vec::new(),
            places: Vec::new(),
            stored: Vec::new(),
            heads: Vec::new(),
            notes: Vec::new(),
        };
        library.chains = (0..runs).map(|_| library.chain(random, 1 + random.below(longest))).collect();
        library.grow(random);
        library.notes = library.heads.iter().map(|head| library.sign(*head)).collect::<Result<_, _>>()?;
        Ok(library)
    }

    /// What a stranger trusts: the log's key, and its witness if it is asked for.
    pub fn trust(&self, witnessed: bool) -> Trust {
        let witnesses = witnessed.then(|| self.witness.verifier().clone()).into_iter().collect();
        Trust { key: self.key.verifier().clone(), witnesses }
    }

    fn chain(&self, random: &Random, length: usize) -> Chain {
        let run = RunId::new(Timestamp::from_millis(1_763_640_000_000), bytes(random));
        let mut before = Digest::ZERO;
        let entries = (0..length).map(|seq| {
            let body = String::from_utf8(self.entry(random, run, seq).to_bytes()).unwrap_or_default();
            before = link(&before, seq as u64, body.as_bytes());
            (body, before)
        });
        Chain { run, entries: entries.collect() }
    }

    fn entry(&self, random: &Random, run: RunId, seq: usize) -> Entry {
        let kinds = [EntryKind::Admitted, EntryKind::Settled, EntryKind::Failed];
        let kind = if seq == 0 {
            EntryKind::Opened
        } else {
            kinds.get(random.below(3)).copied().unwrap_or(EntryKind::Settled)
        };
        let at = Timestamp::from_millis(1_763_640_000_000 + seq as u64);
        let who = "person:0123456789abcdef".into();
        let mut entry = Entry::new(kind, run, self.tenant.clone(), Namespace::default_name(), who, at);
        entry.payloads.set(Slot::Act, Digest(bytes(random)));
        entry.policy = Some(Digest(bytes(random)));
        if kind == EntryKind::Admitted {
            let names =
                ["approval", "breaker", "budget", "deadline", "depth", "input_size", "risk", "step_limit"];
            entry.checks = names.map(|name| CheckMark(name.into(), Verdict::Pass)).to_vec();
            entry.hold = Some(Amounts { micro_usd: 50_000, millis: 30_000, steps: 1, tokens: 2_000 });
        }
        if seq > 0 {
            let step = StepId::derive(run, None, seq as u32, 0);
            entry.step = Some(step_ref(step, Digest(bytes(random)), seq));
        }
        entry
    }

    /// Puts leaves into the log, and remembers its head after each.
    fn grow(&mut self, random: &Random) {
        let mut frontier = Frontier::default();
        let mut left: Vec<(usize, usize)> = self.chains.iter().map(|_| 0).enumerate().collect();
        self.heads.push(Head { size: 0, root: frontier.root() });
        while !left.is_empty() {
            let turn = random.below(left.len());
            let Some((number, before)) = left.get(turn).copied() else { break };
            let Some(chain) = self.chains.get(number) else { break };
            let size = before + 1 + random.below(chain.entries.len() - before);
            let kind = match () {
                () if size == chain.entries.len() => LeafKind::Close,
                () if before == 0 => LeafKind::Open,
                () => LeafKind::Head,
            };
            let mut tree = Frontier::default();
            chain.entries.iter().take(size).for_each(|(_, hash)| tree.push(entry_leaf(hash), |_| ()));
            let leaf = Leaf { kind, run: chain.run, size: size as u64, root: tree.root() };
            frontier.push(leaf.hash(), |hash| self.stored.push(hash));
            self.places.push(Place { chain: number, leaf });
            self.heads.push(Head { size: frontier.size(), root: frontier.root() });
            match left.get_mut(turn) {
                Some(entry) if kind != LeafKind::Close => entry.1 = size,
                _ => drop(left.swap_remove(turn)),
            }
        }
    }

    fn sign(&self, head: Head) -> Result<Vec<u8>, Fault> {
        let origin = self.key.name().to_owned();
        let mut note = Note::new(&Checkpoint { origin, head }.to_text())?;
        note.sign(&self.key)?;
        note.sign(&self.witness.cosigner(1_763_640_000 + head.size))?;
        Ok(note.to_bytes())
    }

    fn note(&self, size: usize) -> Result<Vec<u8>, Fault> {
        Ok(self.notes.get(size).ok_or("no such size")?.clone())
    }

    fn nodes(&self, lookup: Option<Lookup>) -> Option<Vec<Digest>> {
        let lookup = lookup?;
        let hash = |place: u64| self.stored.get(usize::try_from(place).ok()?).copied();
        lookup.nodes(&lookup.places().into_iter().map(hash).collect::<Option<Vec<_>>>()?)
    }

    /// A file that holds: mostly proofs of entries, some of consistency, and a few checkpoints.
    pub fn file(&self, random: &Random) -> Result<Vec<u8>, Fault> {
        match random.below(10) {
            0 => self.note(random.below(self.heads.len())),
            1 | 2 => self.consistency(random),
            _ => self.proof(random),
        }
    }

    fn consistency(&self, random: &Random) -> Result<Vec<u8>, Fault> {
        let new = random.below(self.heads.len());
        let old = random.below(new + 1);
        let path = self.nodes(Lookup::consistency(old as u64, new as u64)).ok_or("no path")?;
        Ok(Consistency { path, old: self.note(old)?, new: self.note(new)? }.to_bytes())
    }

    fn proof(&self, random: &Random) -> Result<Vec<u8>, Fault> {
        let index = random.below(self.places.len());
        let size = index + 1 + random.below(self.heads.len() - 1 - index);
        let Place { chain, leaf } = self.places.get(index).ok_or("no leaf")?;
        let entries = &self.chains.get(*chain).ok_or("no run")?.entries;
        let seq = random.below(usize::try_from(leaf.size)?);
        let mut path = PathBuilder::new(seq as u64, leaf.size).ok_or("no entry")?;
        entries.iter().for_each(|(_, hash)| path.push(entry_leaf(hash)));
        let before =
            seq.checked_sub(1).and_then(|seq| entries.get(seq)).map_or(Digest::ZERO, |entry| entry.1);
        let proof = Proof {
            seq: seq as u64,
            before,
            body: entries.get(seq).ok_or("no entry")?.0.clone(),
            kind: leaf.kind,
            size: leaf.size,
            run_path: path.finish().ok_or("no path")?,
            index: index as u64,
            log_path: self.nodes(Lookup::path(index as u64, size as u64)).ok_or("no path")?,
            note: self.note(size)?,
        };
        Ok(if random.one_in(4) { plain(&proof) } else { proof.to_bytes() })
    }
}

/// The file as it was before bodies were packed.
fn plain(proof: &Proof) -> Vec<u8> {
    let mut lines = lines(&proof.to_bytes());
    for (at, line) in [(0, PLAIN), (2, proof.body.as_str())] {
        if let Some(slot) = lines.get_mut(at) {
            *slot = line.as_bytes().to_vec();
        }
    }
    lines.join(&b'\n')
}

fn bytes<const N: usize>(random: &Random) -> [u8; N] {
    let mut out = [0; N];
    out.chunks_mut(8).for_each(|part| {
        part.iter_mut().zip(random.next().to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
    });
    out
}

fn step_ref(id: StepId, contract: Digest, ordinal: usize) -> StepRef {
    let step = Step {
        id,
        parent: None,
        ordinal: ordinal as u32,
        iteration: 0,
        name: "step".into(),
        target: "step".into(),
        action: "".into(),
        kind: StepKind::ToolCall,
        risk: comity_core::RiskTier::ReadOnly,
        idempotent: true,
        contract,
        endpoint: "test".into(),
        bound: Amounts::ZERO,
        timeout: None,
        input: (*b"{}").into(),
        taint: Taint::NONE,
    };
    StepRef::of(&step, 1)
}

/// The file with one thing changed: a bit, a byte, a line, a number, or a line of another file. Never the same bytes.
pub fn damaged(random: &Random, file: &[u8], other: &[u8]) -> Vec<u8> {
    loop {
        let bad = match random.below(8) {
            0..3 => with_byte(random, file),
            3 => with_lines(random, file),
            4 => with_number(random, file),
            5 => with_line_of(random, file, other),
            6 => with_field_of(random, file, other),
            _ => cut(random, file),
        };
        if bad != file {
            return bad;
        }
    }
}

fn with_byte(random: &Random, file: &[u8]) -> Vec<u8> {
    let mut out = file.to_vec();
    let at = random.below(out.len());
    match random.below(4) {
        0 => drop(out.remove(at)),
        1 => out.insert(at, random.next() as u8),
        2 => out.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.next() as u8),
        _ => out.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
    }
    out
}

fn cut(random: &Random, file: &[u8]) -> Vec<u8> {
    let kept = file.iter().copied().take(random.below(file.len()));
    if random.one_in(2) { kept.collect() } else { file.iter().chain(b"\n").copied().collect() }
}

fn lines(file: &[u8]) -> Vec<Vec<u8>> {
    file.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn with_lines(random: &Random, file: &[u8]) -> Vec<u8> {
    let mut lines = lines(file);
    let (one, two) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(3) {
        0 => lines.swap(one, two),
        1 => drop(lines.remove(one)),
        _ => {
            let again = lines.get(one).cloned().unwrap_or_default();
            lines.insert(two, again);
        }
    }
    lines.join(&b'\n')
}

fn with_line_of(random: &Random, file: &[u8], other: &[u8]) -> Vec<u8> {
    let (mut own, foreign) = (lines(file), lines(other));
    let at = random.below(own.len());
    if let (Some(slot), Some(line)) = (own.get_mut(at), foreign.get(at)) {
        slot.clone_from(line);
    }
    own.join(&b'\n')
}

fn with_field_of(random: &Random, file: &[u8], other: &[u8]) -> Vec<u8> {
    let (mut own, foreign) = (lines(file), lines(other));
    let at = random.below(own.len());
    let words = |line: &Vec<u8>| line.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect::<Vec<_>>();
    if let (Some(slot), Some(line)) = (own.get_mut(at), foreign.get(at)) {
        let (mut mine, theirs) = (words(slot), words(line));
        let field = random.below(mine.len());
        if let (Some(mine), Some(theirs)) = (mine.get_mut(field), theirs.get(field)) {
            mine.clone_from(theirs);
        }
        *slot = mine.join(&b' ');
    }
    own.join(&b'\n')
}

/// One more or one less, in one of the numbers that stand in the file.
fn with_number(random: &Random, file: &[u8]) -> Vec<u8> {
    let starts: Vec<usize> =
        (0..file.len()).filter(|at| is_digit(file, *at) && (*at == 0 || !is_digit(file, at - 1))).collect();
    let Some(start) = starts.get(random.below(starts.len())).copied() else { return file.to_vec() };
    let digits = file.iter().skip(start).take_while(|byte| byte.is_ascii_digit()).count();
    let (before, rest) = file.split_at(start);
    let (number, after) = rest.split_at(digits);
    let value: u128 = str::from_utf8(number).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let changed = if random.one_in(2) { value.saturating_add(1) } else { value.saturating_sub(1) };
    [before, changed.to_string().as_bytes(), after].concat()
}

fn is_digit(file: &[u8], at: usize) -> bool {
    file.get(at).is_some_and(u8::is_ascii_digit)
}
