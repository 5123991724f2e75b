//! Who answers agents: in this build the sandbox, which says so, and never behind the back of a key.

use crate::context::Context;
use crate::error::Error;
use crate::printer::{Stream, Tone};

/// Variables with a key of a provider.
pub const KEYS: [&str; 2] = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"];

/// Those that are set.
pub fn keys() -> Vec<&'static str> {
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    KEYS.into_iter().filter(set).collect()
}

/// Says that agents are simulated, if there are any. Errors if there is a key, so that somebody may count on
/// real answers, and nobody asked for the sandbox.
pub fn announce(context: &Context, agents: bool) -> Result<(), Error> {
    if !agents {
        return Ok(());
    }
    match keys().first() {
        _ if context.globals.sandbox => say(context, "as asked"),
        Some(key) => return Err(Error::NoProvider(key)),
        None => say(context, "no provider key is set"),
    }
    Ok(())
}

/// Says that agents are simulated, and why.
pub fn say(context: &Context, why: &str) {
    let printer = &context.printer;
    let label = printer.paint(Stream::Err, Tone::Asking, "sandbox:");
    printer
        .note(&format!("{label} {why}: agents use the sandbox; prices are list prices, nothing is billed\n"));
}
