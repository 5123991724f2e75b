//! When a step that failed is tried again, if it is.

use crate::plan::{OnTimeout, StepPlan};
use comity_core::{Digest, ReasonCode, StepId, Timestamp};
use comity_govern::Ended;
use std::time::Duration;

/// The moment of the next try; `None` when there is none.
///
/// What counts is how often the step has `failed`: a try that was lost with its process, or called off, takes
/// none away.
///
/// The wait doubles from try to try, and is between half and all of that: which, comes from the step and
/// that count alone, so that steps which failed together do not come back together and a resumed run waits for
/// the same moment.
pub(super) fn next_try(step: &StepPlan, id: StepId, ended: &Ended, failed: u32) -> Option<Timestamp> {
    let most = match ended.reason {
        ReasonCode::EffectFailed => step.retry.max,
        // What did not fit was done all the same.
        ReasonCode::OutputSchema if step.idempotent => step.retry.max,
        ReasonCode::EffectTimeout if step.on_timeout == OnTimeout::Retry => step.retry.max,
        // Nothing else is a failure that another try could mend.
        _ => return None,
    };
    (1..=most).contains(&failed).then(|| ended.at.plus(wait(step, id, failed)))
}

fn wait(step: &StepPlan, id: StepId, failed: u32) -> Duration {
    let doubled = 1u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = step.retry.backoff.saturating_mul(doubled).min(step.retry.longest);
    let lot = Digest::of(&[b"comity/backoff/v1\n", id.bytes(), &failed.to_be_bytes()]).0;
    let share = u32::from(lot.first().copied().unwrap_or_default());
    // From a half up to, and without, the whole.
    (whole / 512).saturating_mul(256 + share)
}

/// Whether a step whose time is over is passed over.
pub(super) fn passes_over(step: &StepPlan, reason: ReasonCode) -> bool {
    reason == ReasonCode::EffectTimeout && step.on_timeout == OnTimeout::Skip
}
