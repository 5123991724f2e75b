//! What a forger does who knows the format and lacks only the keys: whatever is changed, everything that can be
//! computed is put right again, as far as they care to go.

use crate::place::{Place, from_hex};
use comity_core::{Digest, RunId, SubjectId};
use comity_ledger::log::leaf::{Leaf, LeafKind, entry_leaf};
use comity_ledger::log::merkle::Frontier;
use comity_ledger::payload::{Slot, committed};
use comity_store::Payload;

/// One row of the chain, and its texts.
struct Row {
    id: i64,
    seq: u64,
    body: String,
}

fn rows(place: &Place, run: &str) -> Vec<Row> {
    let sql = format!(
        "SELECT id || ' ' || seq || ' ' || {} FROM entries WHERE run = {run} ORDER BY seq",
        place.hex("body")
    );
    let row = |text: String| {
        let parts: Vec<&str> = text.split(' ').collect();
        let body = String::from_utf8(from_hex(parts[2])).unwrap();
        Row { id: parts[0].parse().unwrap(), seq: parts[1].parse().unwrap(), body }
    };
    place.texts(&sql).into_iter().map(row).collect()
}

/// Changes the body of the entry at `seq`.
pub fn edit(place: &Place, run: &str, seq: u64, change: impl Fn(&str) -> String) {
    let row = rows(place, run).into_iter().find(|row| row.seq == seq).unwrap();
    let body = change(&row.body);
    assert_ne!(body, row.body, "nothing was changed");
    place.execute(&format!(
        "UPDATE entries SET body = {} WHERE id = {}",
        place.bytes(body.as_bytes()),
        row.id
    ));
}

/// Commits to the texts anew, and links the chain anew.
pub fn rehash(place: &Place, run: &str) {
    let (mut head, mut next) = (Digest::ZERO, 0);
    for row in rows(place, run) {
        let body = recommit(place, &row);
        let hash = comity_ledger::link(&head, row.seq, body.as_bytes());
        place.execute(&format!(
            "UPDATE entries SET body = {}, hash = {} WHERE id = {}",
            place.bytes(body.as_bytes()),
            place.bytes(&hash.0),
            row.id
        ));
        (head, next) = (hash, row.seq + 1);
    }
    let head = place.bytes(&head.0);
    place.execute(&format!("UPDATE runs SET head = {head}, next_seq = {next} WHERE key = {run}"));
}

/// The body, with the commitments that its stored texts have.
fn recommit(place: &Place, row: &Row) -> String {
    let mut body = row.body.clone();
    for slot in Slot::ALL {
        let id = row.id * 8 + i64::from(slot as u8);
        let sql = format!(
            "SELECT codec || ' ' || {} || ' ' || {} || ' ' || {} FROM payloads WHERE id = {id}",
            place.hex("subject"),
            place.hex("salt"),
            place.hex("body")
        );
        let Some(text) = place.texts(&sql).pop() else { continue };
        let parts: Vec<&str> = text.split(' ').collect();
        let payload = Payload {
            slot: slot as u8,
            codec: parts[0].parse().unwrap(),
            subject: SubjectId::from_slice(&from_hex(parts[1])),
            salt: from_hex(parts[2]).try_into().unwrap(),
            body: from_hex(parts[3]).into(),
        };
        let key = format!("\"{}\":\"", slot.name());
        let at = body.find(&key).map(|at| at + key.len());
        if let Some(at) = at {
            body.replace_range(at..at + 64, &committed(&payload).hex());
        }
    }
    body
}

/// Grows the log anew from what the chains are now. Only its checkpoints cannot be signed anew.
pub fn relog(place: &Place) {
    let leaves = place.texts(&format!(
        "SELECT l.position || ' ' || l.run || ' ' || l.size || ' ' || l.kind || ' ' || {} FROM leaves l
         JOIN runs r ON r.key = l.run ORDER BY l.position",
        place.hex("r.id")
    ));
    let (mut log, mut place_of_hash) = (Frontier::default(), 0u64);
    for text in leaves {
        let parts: Vec<&str> = text.split(' ').collect();
        let number = |at: usize| parts[at].parse::<u64>().unwrap();
        let size = number(2);
        let mut tree = Frontier::default();
        let hashes = place.texts(&format!(
            "SELECT {} FROM entries WHERE run = {} AND seq < {size} ORDER BY seq",
            place.hex("hash"),
            parts[1]
        ));
        for hash in hashes {
            tree.push(entry_leaf(&Digest::from_hex(&hash).unwrap()), |_| ());
        }
        let kind = LeafKind::from_number(parts[3].parse().unwrap()).unwrap();
        let run = RunId::from_slice(&from_hex(parts[4])).unwrap();
        let leaf = Leaf { kind, run, size, root: tree.root() };
        place.execute(&format!(
            "UPDATE leaves SET root = {}, frontier = {} WHERE position = {}",
            place.bytes(&tree.root().0),
            place.bytes(&tree.to_bytes()),
            parts[0]
        ));
        log.push(leaf.hash(), |hash| {
            let bytes = place.bytes(&hash.0);
            place.execute(&format!("UPDATE hashes SET hash = {bytes} WHERE position = {place_of_hash}"));
            place_of_hash += 1;
        });
    }
}

/// Takes the log away, as if none had ever been.
pub fn unlog(place: &Place) {
    for table in ["leaves", "hashes", "checkpoints", "logs", "pins", "due"] {
        let only = if table == "pins" { " WHERE name <> 'store'" } else { "" };
        place.execute(&format!("DELETE FROM {table}{only}"));
    }
    place.execute("INSERT INTO due SELECT tenant, key FROM runs");
    place.execute("UPDATE runs SET anchored = 0, due = (1 = 1)");
}
