//! The hash that links entries.

use comity_core::Digest;

/// `SHA-256("comity/entry/v1\n" ‖ hash before ‖ sequence number as 8 bytes, big-endian ‖ body)`.
///
/// The hash before a run's first entry is 32 zero bytes.
pub fn link(previous: &Digest, seq: u64, body: &[u8]) -> Digest {
    Digest::of(&[b"comity/entry/v1\n", &previous.0, &seq.to_be_bytes(), body])
}
