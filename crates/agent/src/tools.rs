//! What an agent may call, as a seam.

use comity_core::{BoxFuture, Step};
use comity_govern::{Failure, Input, Output, Permit, Scope};
use comity_model::ToolCall;

/// Calls tools for agents.
///
/// An implementation must guarantee that
///
/// - the same call makes the same step, whichever process asks: a resumed turn finds its steps again by it;
/// - the step stands at `scope.step_id(ordinal, 0)`, under `scope.parent_step()`, and its bound is no more
///   than what [`Agent::bound`](crate::Agent::bound) was told the tool costs;
/// - it keeps to what [`Permit`] allows, as an adapter does.
pub trait Tools: Send + Sync {
    /// The step of a call, to be admitted by the gate; `None` when there is no such tool. Its name is set by
    /// the agent. `input` is what the tool will be given: `{"arguments": {…}, "context": {}, "task": "…"}`.
    fn step(&self, scope: &Scope, ordinal: u32, call: &ToolCall, input: &Input) -> Option<Step>;

    /// Does the call, once it is admitted.
    fn call<'a>(
        &'a self,
        permit: &'a mut Permit,
        tool: &'a str,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>>;

    /// Is told that the gate itself failed, which is no business of the agent's.
    fn fault(&self, error: comity_govern::Error);
}
