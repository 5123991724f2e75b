//! What the backends' migrations have in common: numbered texts, each applied once, whole, under its checksum.

use crate::error::Error;
use comity_core::Digest;

/// Number, name, and text.
pub type Migration = (u64, &'static str, &'static str);

/// The name under which a database keeps what it calls itself, beside the tenants' own pins.
pub const ID: &str = "store";

/// What is recorded of a text that was applied.
pub fn checksum(text: &str) -> String {
    Digest::of(&[b"comity/migration/v1\n", text.as_bytes()]).hex()
}

/// Refuses what a newer build applied, and what was applied in another form.
pub fn check(applied: &[(u64, String)], known: &[Migration]) -> Result<(), Error> {
    for (found, sum) in applied {
        match known.iter().find(|(version, ..)| version == found) {
            None => return Err(Error::Newer { found: *found, known: known.len() as u64 }),
            Some((version, _, text)) if checksum(text) != *sum => {
                return Err(Error::Migration {
                    version: *version,
                    applied: sum.clone(),
                    known: checksum(text),
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_newer_schema_and_a_changed_text() {
        let known: &[Migration] = &[(1, "path", "CREATE")];
        assert!(check(&[(1, checksum("CREATE"))], known).is_ok());
        assert!(matches!(check(&[(1, checksum("x"))], known), Err(Error::Migration { version: 1, .. })));
        assert!(matches!(check(&[(99, String::new())], known), Err(Error::Newer { found: 99, known: 1 })));
    }
}
