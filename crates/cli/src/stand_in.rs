//! Answers held steps where nobody can be asked, and says so.

use crate::live::Live;
use crate::printer::{Printer, Stream, Tone};
use comity_core::BoxFuture;
use comity_runtime::{Approver, Error, GateError, Question, Ruling, Runtime};
use std::sync::Arc;

/// Says yes to every question, in these words.
pub struct StandIn<'r> {
    runtime: &'r Runtime,
    printer: Printer,
    screen: Option<Arc<Live>>,
    words: &'static str,
}

impl<'r> StandIn<'r> {
    /// `words` say who approved, and why it was not a person: they are recorded, and told.
    pub fn new(
        runtime: &'r Runtime,
        printer: Printer,
        screen: Option<Arc<Live>>,
        words: &'static str,
    ) -> Self {
        Self { runtime, printer, screen, words }
    }

    async fn answer(&self, question: &Question) -> Result<Option<Ruling>, GateError> {
        let ruled = self.runtime.rule_on(question.approval.id, Ruling::Approve, self.words).await;
        match ruled {
            Ok(_) => {
                let name = self.printer.paint(Stream::Err, Tone::Asking, &question.name);
                self.tell(&format!("{name} was {}\n", self.words));
                Ok(Some(Ruling::Approve))
            }
            // Somebody was there after all: what they said counts.
            Err(Error::Gate(GateError::Decided { .. })) => Ok(Some(Ruling::Approve)),
            Err(error) => {
                self.tell(&format!("the answer was not recorded: {error}\n"));
                Ok(None)
            }
        }
    }

    fn tell(&self, text: &str) {
        match &self.screen {
            Some(live) => live.say(text),
            None => self.printer.note(text),
        }
    }
}

impl Approver for StandIn<'_> {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Option<Ruling>, GateError>> {
        Box::pin(self.answer(question))
    }
}
