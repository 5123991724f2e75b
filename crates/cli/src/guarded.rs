//! What does not protect the log as it was set up: said aloud, and no reason to call what was done undone.

use crate::error::Error;
use crate::printer::{Printer, Stream, Tone, one_line};
use comity_runtime::Guarded;

/// What is missing, a sentence each.
pub fn words(guarded: &Guarded) -> Vec<String> {
    guarded.missing.iter().map(|missing| format!("{}: {}", missing.guard, missing.why)).collect()
}

/// Warns of what is missing. Errors with what was found that must not be.
pub fn tell(printer: &Printer, guarded: Guarded) -> Result<(), Error> {
    let missing = words(&guarded);
    for one in &missing {
        let label = printer.paint(Stream::Err, Tone::Asking, "warning:");
        printer.note(&format!("{label} not protected by {}\n", one_line(one)));
    }
    if !missing.is_empty() {
        printer.note(
            "what was done is recorded; the next checkpoint catches up, and `comity checkpoint` makes one now\n",
        );
    }
    guarded.alarm.map_or(Ok(()), |alarm| Err(Error::Runtime(alarm)))
}
