//! One subject: whoever, or whatever, a key is for.

use super::Class;
use super::cipher::{PayloadKey, Place};
use crate::keys::Secret;
use comity_core::{Entropy, SubjectId};

/// Where a label stands instead of a slot.
const LABEL_SLOT: u8 = 255;

/// What a subject is called; empty for most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label<'l>(pub &'l str);

/// A key, and whose it is.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Whose.
    pub id: SubjectId,
    /// What sort of subject.
    pub class: Class,
    /// The key.
    pub secret: Secret,
}

impl Subject {
    /// A new one: a random id and a random key.
    pub fn random(class: Class, entropy: &dyn Entropy) -> Self {
        let mut id = [0; 16];
        entropy.fill(&mut id);
        Self { id: SubjectId::from_bytes(id), class, secret: Secret::random(entropy) }
    }

    /// Seals a label under the subject's own key: `salt ‖ stored`, as a payload in slot 255. Nothing for an
    /// empty one. Destroying the key destroys the name with it.
    pub fn seal_label(&self, label: Label<'_>, entropy: &dyn Entropy) -> Vec<u8> {
        if label.0.is_empty() {
            return Vec::new();
        }
        let mut salt = [0; 32];
        entropy.fill(&mut salt);
        let key = PayloadKey::derive(&self.secret, &salt);
        let sealed = key.seal(self.label_place(), label.0.as_bytes()).unwrap_or_default();
        [salt.as_slice(), &sealed].concat()
    }

    /// What the subject is called; `None` if it has no label, or one that this key does not open.
    pub fn open_label(&self, label: &[u8]) -> Option<String> {
        let (salt, stored) = label.split_first_chunk::<32>()?;
        let opened = PayloadKey::derive(&self.secret, salt).open(self.label_place(), stored)?;
        String::from_utf8(opened).ok()
    }

    fn label_place(&self) -> Place {
        Place { codec: 0, slot: LABEL_SLOT, subject: self.id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn a_label_is_read_with_its_own_key_only() {
        let (ada, other) =
            (Subject::random(Class::Content, &Fixed(1)), Subject::random(Class::Content, &Fixed(2)));
        let label = ada.seal_label(Label("Ada"), &Fixed(3));
        assert_eq!(ada.open_label(&label).as_deref(), Some("Ada"));
        assert_eq!(other.open_label(&label), None);
        assert!(!label.windows(3).any(|part| part == b"Ada"));
        assert!(ada.seal_label(Label(""), &Fixed(3)).is_empty());
        assert_eq!(ada.open_label(&[]), None);
    }
}
