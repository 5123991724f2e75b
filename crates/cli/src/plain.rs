//! One line for each event: for pipes, logs and simple terminals.

use crate::printer::{Printer, Stream, one_line, tone};
use crate::summary::money;
use crate::time::seconds;
use crate::width::{columns, crop};
use comity_api::{Event, EventKind};

/// Writes the lines.
pub struct Plain {
    printer: Printer,
    stream: Stream,
}

impl Plain {
    /// On this printer: beside a result on stderr, as the result on stdout.
    pub fn new(printer: Printer, stream: Stream) -> Self {
        Self { printer, stream }
    }

    /// Writes one event.
    pub fn tell(&self, event: &Event) {
        let word = word(event);
        let gap = " ".repeat(11_usize.saturating_sub(word.len()).max(2));
        let painted = self.printer.paint(self.stream, tone(word), word);
        let facts = facts(event);
        match self.stream {
            Stream::Err => self.printer.note(&format!("{painted}{gap}{facts}\n")),
            Stream::Out => {
                let room =
                    columns().map_or(usize::MAX, |columns| columns.saturating_sub(word.len() + gap.len()));
                self.printer.out(&format!("{painted}{gap}{}\n", crop(&facts, room)));
            }
        }
    }
}

/// How a step or the run stands after an event, in one word.
pub fn word(event: &Event) -> &str {
    match event.kind {
        EventKind::RunStarted | EventKind::StepStarted => "running",
        EventKind::RunFinished => event.status.as_deref().unwrap_or("finished"),
        EventKind::StepSettled if event.origin.is_some() => "reused",
        EventKind::StepSettled => "settled",
        EventKind::StepDenied => "denied",
        EventKind::StepHeld => "held",
        EventKind::StepScheduled => "scheduled",
        EventKind::StepSuspended => "suspended",
        EventKind::StepApproved => "approved",
        EventKind::StepSkipped => "skipped",
        EventKind::StepFailed => "failed",
        EventKind::StepUnknown => "unknown",
        EventKind::StepCancelled => "pending",
    }
}

fn facts(event: &Event) -> String {
    let pass = event.iteration.map(|pass| format!("#{}", pass.saturating_add(1))).unwrap_or_default();
    let subject = format!("{}{pass}", event.step.as_deref().unwrap_or(&event.run_id));
    let attempt = event.attempt.filter(|attempt| *attempt > 1).map(|attempt| format!("try {attempt}"));
    let message = event.message.as_deref().map(one_line);
    let facts = [
        Some(subject),
        attempt,
        event.duration_ms.map(seconds),
        event.cost_usd.filter(|_| event.origin.is_none()).map(money),
        event.origin.as_ref().map(|origin| format!("from {}", origin.run_id)),
        event.reason.clone(),
        message,
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_known_and_no_more() {
        let mut event = Event::bare(EventKind::StepSettled, "traps");
        event.duration_ms = Some(12);
        event.cost_usd = Some(0.002);
        assert_eq!((word(&event), facts(&event).as_str()), ("settled", "traps  0.012 s  $0.002"));
        let mut event = Event::bare(EventKind::StepDenied, "send");
        event.reason = Some("risk.tier".into());
        event.message = Some("too\nrisky\u{1b}[2J".into());
        assert_eq!((word(&event), facts(&event).as_str()), ("denied", "send  risk.tier  too risky [2J"));
    }
}
