//! The tenant's book: a run of its own whose entries are acts on the tenant as a whole.

use crate::payload::Slot;
use comity_core::{Digest, RunId, Tenant};

/// Where the entry that begins an erasure names the keys that go: in the clear, so that whoever verifies without a key
/// can tell what was erased from what somebody took away. The ids of keys say nothing of anybody.
pub const TAKEN: Slot = Slot::Setup;

/// The run that is a tenant's book: the first sixteen bytes of `SHA-256("comity/book/v1\n" ‖ tenant)`.
pub fn of_tenant(tenant: &Tenant) -> RunId {
    let digest = Digest::of(&[b"comity/book/v1\n", tenant.as_str().as_bytes()]);
    let mut id = [0; 16];
    id.iter_mut().zip(digest.0).for_each(|(slot, byte)| *slot = byte);
    RunId::from_bytes(id)
}
