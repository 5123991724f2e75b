//! The right to sequence a tenant's log, which one process has at a time.

use crate::postgres::Held;

/// Held until it is dropped, or until the process or its connection ends. Beside a file there is nothing to hold,
/// and everybody has it.
///
/// It saves work and guards nothing: an anchor that comes too late is refused by the size it names.
pub struct Lease(Option<Held>);

impl Lease {
    pub(crate) fn of_file() -> Self {
        Self(None)
    }

    pub(crate) fn of_server(held: Held) -> Self {
        Self(Some(held))
    }

    /// Whether it is still held, as far as is known here.
    pub fn lasts(&self) -> bool {
        self.0.as_ref().is_none_or(Held::lasts)
    }
}
