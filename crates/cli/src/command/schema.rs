//! `comity schema`: prints the JSON Schema of what this build reads.

use crate::args::{Described, Schema};
use crate::context::Context;
use crate::exit::Exit;

/// Prints it.
pub fn perform(context: &Context, args: &Schema) -> Exit {
    match args.kind {
        Described::Flow => context.printer.json(&comity_runtime::json_schema(&comity_runtime::kinds())),
    }
    Exit::Done
}
