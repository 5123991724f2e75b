//! Asking the person at the terminal about held steps, one at a time.

use crate::live::Live;
use crate::printer::{Printer, Stream, Tone, one_line};
use comity_core::BoxFuture;
use comity_runtime::{Approval, Approver, Error, GateError, Question, Ruling, Runtime};
use std::io::{BufRead, Read};
use std::sync::Arc;
use tokio::sync::{Mutex, oneshot};

/// The most bytes of one answer.
const LONGEST: u64 = 64 << 10;

/// Asks on stderr, reads from stdin, and records what was said.
pub struct Prompt<'r> {
    runtime: &'r Runtime,
    printer: Printer,
    screen: Option<Arc<Live>>,
    turn: Mutex<Turn>,
}

/// Whether the person can still answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Open,
    /// Stdin has ended.
    Over,
}

/// What one line of an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reply {
    Ruled(Ruling, String),
    Later,
    Unclear,
}

impl<'r> Prompt<'r> {
    /// Asks about the runs of this runtime. `screen` is cleared while a question stands there.
    pub fn new(runtime: &'r Runtime, printer: Printer, screen: Option<Arc<Live>>) -> Self {
        Self { runtime, printer, screen, turn: Mutex::new(Turn::Open) }
    }

    async fn question(&self, question: &Question) -> Result<Option<Ruling>, GateError> {
        let mut turn = self.turn.lock().await;
        if *turn == Turn::Over {
            return Ok(None);
        }
        let _covered = self.screen.as_deref().map(Live::cover);
        self.printer.note(&self.words(question));
        let reply = loop {
            let label = self.printer.paint(Stream::Err, Tone::Asking, "approve?");
            self.printer.note(&format!("{label} [y/n/later] and a comment: "));
            let Some(line) = read_line().await else {
                *turn = Turn::Over;
                self.printer.note("\n");
                break Reply::Later;
            };
            match understand(&line) {
                Reply::Unclear => {
                    self.printer.note("say `y` or `n`, then a comment if you like; `later` leaves it held\n")
                }
                clear => break clear,
            }
        };
        match reply {
            Reply::Ruled(ruling, comment) => self.record(&question.approval, ruling, &comment).await,
            Reply::Later | Reply::Unclear => Ok(None),
        }
    }

    /// Records the answer. If somebody else was first, theirs counts, and the run goes on with it.
    async fn record(
        &self,
        approval: &Approval,
        ruling: Ruling,
        comment: &str,
    ) -> Result<Option<Ruling>, GateError> {
        match self.runtime.rule_on(approval.id, ruling, comment).await {
            Ok(_) => Ok(Some(ruling)),
            Err(Error::Gate(decided @ GateError::Decided { .. })) => {
                self.printer.note(&format!("your answer came too late: {decided}\n"));
                Ok(Some(ruling))
            }
            // The step stays held, and what runs beside it goes on.
            Err(error) => {
                self.printer.note(&format!("your answer was not recorded: {error}\n"));
                Ok(None)
            }
        }
    }

    fn words(&self, question: &Question) -> String {
        let Question { name, risk, prompt, approval } = question;
        let name = self.printer.paint(Stream::Err, Tone::Asking, name);
        let asked = prompt.as_deref();
        let asked = asked.map(|prompt| format!("  asked:  {}\n", one_line(prompt))).unwrap_or_default();
        let why = one_line(&approval.message);
        format!("\n{name} waits for a person\n{asked}  why:    {why}\n  risk:   {risk}\n")
    }
}

impl Approver for Prompt<'_> {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Option<Ruling>, GateError>> {
        Box::pin(self.question(question))
    }
}

/// Asks whether to go on. Only a clear yes is one; the end of stdin is none.
pub async fn confirmed(printer: &Printer) -> bool {
    let label = printer.paint(Stream::Err, Tone::Asking, "go on?");
    printer.note(&format!("{label} [y/n]: "));
    let line = read_line().await.unwrap_or_default();
    matches!(understand(&line), Reply::Ruled(Ruling::Approve, _))
}

/// One line of stdin; `None` at its end.
///
/// The thread that waits for it cannot be called off and is never joined: it holds nothing, and the end of the
/// process ends it.
async fn read_line() -> Option<String> {
    let (tell, answer) = oneshot::channel();
    let read = move || {
        let mut line = Vec::new();
        let read = std::io::stdin().lock().take(LONGEST).read_until(b'\n', &mut line);
        let line = read.ok().filter(|bytes| *bytes > 0).map(|_| String::from_utf8_lossy(&line).into_owned());
        // The question may be gone by now.
        let _ = tell.send(line);
    };
    std::thread::Builder::new().name("comity-stdin".to_owned()).spawn(read).ok()?;
    answer.await.ok().flatten()
}

fn understand(line: &str) -> Reply {
    let line = line.trim();
    let (word, comment) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let comment = comment.trim().to_owned();
    match word.to_ascii_lowercase().trim_end_matches([',', ':', '.']) {
        "y" | "yes" => Reply::Ruled(Ruling::Approve, comment),
        "n" | "no" => Reply::Ruled(Ruling::Reject, comment),
        "" | "later" => Reply::Later,
        _ => Reply::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        let cases = [
            ("y\n", Reply::Ruled(Ruling::Approve, String::new())),
            ("Yes, looks good\n", Reply::Ruled(Ruling::Approve, "looks good".into())),
            ("n  not  yet ", Reply::Ruled(Ruling::Reject, "not  yet".into())),
            ("\n", Reply::Later),
            ("later", Reply::Later),
            ("yeah", Reply::Unclear),
            ("approve", Reply::Unclear),
        ];
        for (line, reply) in cases {
            assert_eq!(understand(line), reply, "{line}");
        }
    }
}
