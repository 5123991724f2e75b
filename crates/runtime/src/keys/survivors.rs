//! Keys that outlived the last erasure, as a file.
//!
//! ```text
//! file  = "comity-survivors-v1\n" ‖ one after the other
//! one   = subject id ‖ what it is bound to ‖ tenant key id ‖ length of wrapped ‖ wrapped    16 ‖ 32 ‖ 8 ‖ 2 ‖ …
//! ```
//!
//! The tenant key it is wrapped by lies beside it: the next erasure destroys that, and makes the file anew.

use super::disk::{Disk, Stamp};
use comity_core::{SubjectId, Tenant};
use comity_ledger::keys::{KeyFault, KeyId, Survivor};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

const HEAD: &[u8] = b"comity-survivors-v1\n";

type Kept = Arc<HashMap<SubjectId, Survivor>>;

/// What was read, until the file is another one.
#[derive(Default)]
pub struct Cache(Mutex<HashMap<Tenant, (Stamp, Kept)>>);

impl Cache {
    pub fn read(&self, disk: &Disk, tenant: &Tenant) -> Result<Kept, KeyFault> {
        let Some(stamp) = disk.survivors_stamp(tenant)? else { return Ok(Kept::default()) };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, kept)) = known.get(tenant)
            && *same == stamp
        {
            return Ok(Arc::clone(kept));
        }
        let Some((stamp, bytes)) = disk.survivors(tenant)? else { return Ok(Kept::default()) };
        let kept = from_bytes(&bytes).ok_or_else(|| disk.damaged_survivors(tenant))?;
        let kept = Arc::new(kept);
        known.insert(tenant.clone(), (stamp, Arc::clone(&kept)));
        Ok(kept)
    }
}

pub fn to_bytes(survivors: &[Survivor]) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    for Survivor { id, bound, by, wrapped } in survivors {
        // Wrapped keys are at most 64 KiB by the store's own rule; one that is not is left out.
        let Ok(length) = u16::try_from(wrapped.len()) else { continue };
        out.extend_from_slice(id.bytes());
        out.extend_from_slice(bound);
        out.extend_from_slice(&by.0);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(wrapped);
    }
    out
}

fn from_bytes(bytes: &[u8]) -> Option<HashMap<SubjectId, Survivor>> {
    let mut rest = bytes.strip_prefix(HEAD)?;
    let mut kept = HashMap::new();
    while !rest.is_empty() {
        let (id, after) = rest.split_first_chunk::<16>()?;
        let (bound, after) = after.split_first_chunk::<32>()?;
        let (by, after) = after.split_first_chunk::<8>()?;
        let (length, after) = after.split_first_chunk::<2>()?;
        let (wrapped, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let id = SubjectId::from_bytes(*id);
        kept.insert(id, Survivor { id, bound: *bound, by: KeyId(*by), wrapped: wrapped.to_vec() });
        rest = after;
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_read_as_they_were_written_and_not_when_cut() {
        let one = |byte: u8, length: usize| Survivor {
            id: SubjectId::from_bytes([byte; 16]),
            bound: [byte; 32],
            by: KeyId([byte; 8]),
            wrapped: vec![byte; length],
        };
        let all = [one(1, 72), one(2, 0), one(3, 300)];
        let bytes = to_bytes(&all);
        let read = from_bytes(&bytes).unwrap();
        assert!(all.iter().all(|one| read.get(&one.id) == Some(one)));
        assert_eq!(from_bytes(&to_bytes(&[])), Some(HashMap::new()));
        assert_eq!(from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(from_bytes(b"else"), None);
    }
}
