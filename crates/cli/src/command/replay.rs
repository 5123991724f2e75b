//! `comity replay`: shows a run again as it happened, from its ledger alone. Nothing is executed.

use crate::context::{Context, Database, Opened};
use crate::error::Error;
use crate::exit::Exit;
use crate::listen::{Listener, View};
use crate::live::Live;
use crate::plain::Plain;
use crate::printer::{Format, Stream};
use crate::session::can_redraw;
use clap::Args;
use comity_api::Event;
use comity_core::{BoxFuture, Clock, RunId, Timestamp};
use comity_runtime::Runtime;
use comity_runtime::view::{Depth, Patience, Until};
use std::collections::HashSet;
use std::io::{IsTerminal, stdout};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Events that are read ahead of those that are shown.
const AHEAD: usize = 256;

/// Show a run again as it happened; nothing is executed.
#[derive(Debug, Args)]
pub struct Replay {
    /// The run
    pub run: RunId,
    /// How many times faster than it happened: any whole number, or `max`
    #[arg(long, value_name = "N|max", default_value = "max")]
    pub speed: Speed,
}

/// How fast a run is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// So many times as fast as it happened.
    Times(u32),
    /// Without waiting.
    Most,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "max" => Ok(Self::Most),
            Ok(times @ 1..=1_000_000) => Ok(Self::Times(times)),
            _ => Err("expected `max`, or a whole number from 1".to_owned()),
        }
    }
}

/// Shows it.
pub fn perform(context: &Context, args: &Replay) -> Result<Exit, Error> {
    context.block_on(async {
        let opened = context.open(Database::Read)?;
        let clock: Arc<dyn Clock> = match args.speed {
            Speed::Times(times) => Arc::new(Faster { times, clock: Arc::clone(&opened.clock) }),
            Speed::Most => Arc::clone(&opened.clock),
        };
        let view = view(context, &opened, args, &clock).await?;
        let (shown, listener) = Listener::start(view, Arc::clone(&clock))?;
        let (read, events) = channel(AHEAD);
        let patience = Patience::default();
        let reading = async move {
            opened.runtime.follow(args.run, None, Until::Now, patience, &*opened.clock, &read).await
        };
        let (followed, ()) = tokio::join!(reading, pace(events, shown, args.speed, &*clock));
        listener.join();
        followed?;
        Ok(Exit::Done)
    })
}

/// How to show it: as data on stdout, or as a tree where there is time to look at it.
async fn view(
    context: &Context,
    opened: &Opened,
    args: &Replay,
    clock: &Arc<dyn Clock>,
) -> Result<View, Error> {
    let printer = context.printer.clone();
    let slow = args.speed != Speed::Most;
    Ok(match printer.format() {
        Format::Json | Format::Ndjson => View::Events(context.with_format(Format::Ndjson).printer),
        Format::Text if slow && can_redraw() && stdout().is_terminal() => {
            let names = shown(&opened.runtime, args.run).await?;
            View::Kept(Arc::new(Live::of_names(printer, Arc::clone(clock), &names)))
        }
        Format::Text => View::Lines(Plain::new(printer, Stream::Out)),
    })
}

/// Hands events on with the gaps there were between them.
async fn pace(mut events: Receiver<Event>, shown: Sender<Event>, speed: Speed, clock: &dyn Clock) {
    let mut before = None;
    while let Some(event) = events.recv().await {
        if let (Speed::Times(_), Some(before)) = (speed, before) {
            clock.sleep(Duration::from_millis(event.at_ms.saturating_sub(before))).await;
        }
        before = Some(event.at_ms);
        if shown.send(event).await.is_err() {
            return;
        }
    }
}

/// The steps of a run as a tree shows them: each name once, nested ones after those they are nested in.
pub async fn shown(runtime: &Runtime, run: RunId) -> Result<Vec<String>, Error> {
    let view = runtime.view(run, &Depth::Standing).await?;
    let mut seen = HashSet::new();
    let names = view.steps.into_iter().map(|step| step.step);
    Ok(names.filter(|name| seen.insert(name.clone())).collect())
}

/// A clock on which everything takes a fraction of its time.
struct Faster {
    times: u32,
    clock: Arc<dyn Clock>,
}

impl Clock for Faster {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic().saturating_mul(self.times)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep(span / self.times.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_whole_numbers_or_max() {
        assert_eq!("max".parse(), Ok(Speed::Most));
        assert_eq!("10".parse(), Ok(Speed::Times(10)));
        for wrong in ["0", "-1", "1.5", "fast", ""] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }
}
