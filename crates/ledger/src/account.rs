//! The account tree of a run: the run, its namespace, its tenant.

use comity_core::{Digest, Namespace, RunId, Tenant};
use comity_store::AccountId;
use std::sync::Arc;

/// The account of one run.
pub fn of_run(run: RunId) -> AccountId {
    AccountId(*run.bytes())
}

/// The account of one namespace of a tenant.
pub fn of_namespace(tenant: &Tenant, namespace: &Namespace) -> AccountId {
    half(Digest::of(&[
        b"comity/account/namespace/v1\n",
        tenant.as_str().as_bytes(),
        b"/",
        namespace.as_str().as_bytes(),
    ]))
}

/// The account of a tenant.
pub fn of_tenant(tenant: &Tenant) -> AccountId {
    half(Digest::of(&[b"comity/account/tenant/v1\n", tenant.as_str().as_bytes()]))
}

/// The accounts every step of a run is held on, innermost first.
pub fn path(run: RunId, tenant: &Tenant, namespace: &Namespace) -> Arc<[AccountId]> {
    [of_run(run), of_namespace(tenant, namespace), of_tenant(tenant)].into()
}

fn half(digest: Digest) -> AccountId {
    let mut out = [0u8; 16];
    out.iter_mut().zip(digest.0).for_each(|(slot, byte)| *slot = byte);
    AccountId(out)
}
