//! Whether the keys that are here are those that a store was written with: asked before anything is written.

use super::{Vault, unwrap_row};
use crate::error::Error;
use crate::keys::{AtHand, KeyFault};
use crate::log::note::Verifier;
use crate::log::sequence::{KEY_PIN, key_of};
use comity_core::Tenant;
use std::sync::PoisonError;

impl Vault {
    /// Errors if this tenant's texts were written, or its log was signed, with other keys than those here. Makes no
    /// key. A tenant that nothing was written of yet may be begun with any.
    ///
    /// What a store says of its keys is the public key its log is signed with, and the tenant key that its texts' keys
    /// are wrapped by.
    pub async fn check_keys(&self, tenant: &Tenant) -> Result<(), Error> {
        let known = || self.belongs.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(tenant) {
            return Ok(());
        }
        let pinned = self.store.pinned(tenant, KEY_PIN).await?;
        let row = self.store.subjects(tenant, None, 1).await?.pop();
        if pinned.is_none() && row.is_none() {
            return Ok(());
        }
        let here = self.keys.at_hand().await?;
        if let Some(pinned) = pinned {
            self.signs(tenant, &pinned, here).await?;
        }
        if let Some(row) = row {
            let by = row.cell.wrapped.by;
            let known = format!("the tenant key {by}");
            if !here.tenants {
                return Err(KeyFault::Other { known, here: "no tenant key is here".to_owned() }.into());
            }
            match unwrap_row(self.keys(), tenant, &row).await {
                Err(KeyFault::Gone { .. }) => {
                    return Err(KeyFault::Other { known, here: "that one is not here".to_owned() }.into());
                }
                // What was destroyed was here, and what was damaged is for those who read it, and for `verify`.
                Ok(_) | Err(KeyFault::Destroyed { .. } | KeyFault::Damaged { .. }) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        known().insert(tenant.clone());
        Ok(())
    }

    async fn signs(&self, tenant: &Tenant, pinned: &[u8], here: AtHand) -> Result<(), Error> {
        let spelled = String::from_utf8_lossy(pinned).into_owned();
        let known = format!("the log key {spelled}");
        if !here.signing {
            return Err(KeyFault::Other { known, here: "no log key is here".to_owned() }.into());
        }
        let seed = self.keys.signing_seed().await?;
        let own = key_of(&self.store, tenant, seed.bytes()).await?;
        let same = spelled.parse::<Verifier>().is_ok_and(|known| known == *own.verifier());
        let here = || format!("the one here is {}", own.verifier());
        if same { Ok(()) } else { Err(KeyFault::Other { known, here: here() }.into()) }
    }
}
