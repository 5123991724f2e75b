//! What a stranger can check: signed notes over the tenant's log.

pub mod note;
