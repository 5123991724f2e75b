//! Base64 and whole numbers, each in one spelling only.

use super::merkle::{join_hashes, split_hashes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use comity_core::Digest;

/// The largest number that is written: 2⁵³ − 1, so that every language reads it exactly.
pub const LARGEST: u64 = (1 << 53) - 1;

/// Standard base64 with padding.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads what [`encode`] writes, and nothing else.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Hashes one after another in base64; `-` when there is none.
pub fn encode_hashes(hashes: &[Digest]) -> String {
    if hashes.is_empty() { "-".to_owned() } else { encode(&join_hashes(hashes)) }
}

/// Reads what [`encode_hashes`] writes.
pub fn decode_hashes(text: &str) -> Option<Vec<Digest>> {
    if text == "-" {
        return Some(Vec::new());
    }
    split_hashes(&decode(text)?).filter(|hashes| !hashes.is_empty())
}

/// A whole number from 0 to [`LARGEST`] in decimal, without sign or leading zeros.
pub fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten().filter(|value| *value <= LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_spelling() {
        assert_eq!(decode("AQ=="), Some(vec![1]));
        for other in ["AQ", "AQ=", "AR==", "AQ==\n", " AQ==", "AQ==AQ==", "A_=="] {
            assert_eq!(decode(other), None, "{other}");
        }
        assert_eq!(number("9007199254740991"), Some(LARGEST));
        for other in ["", "00", "01", "-1", "+1", "1 ", "9007199254740992", "99999999999999999999", "١"] {
            assert_eq!(number(other), None, "{other}");
        }
        assert_eq!(decode_hashes("-"), Some(Vec::new()));
        assert_eq!(decode_hashes(""), None);
        let two = [Digest([1; 32]), Digest([2; 32])];
        assert_eq!(decode_hashes(&encode_hashes(&two)), Some(two.to_vec()));
        assert_eq!(decode_hashes("AQ=="), None);
    }
}
