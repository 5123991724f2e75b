//! A thread that takes events and shows them, so that a slow reader slows nothing but the showing.

use crate::error::Error;
use crate::live::Live;
use crate::plain::Plain;
use crate::printer::Printer;
use comity_api::Event;
use comity_core::Clock;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Events that may wait to be shown; a run's own work never waits for them.
const BACKLOG: usize = 256;
/// How often a tree is drawn again when nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// How events are shown.
pub enum View {
    /// Not at all.
    Quiet,
    /// A line for each.
    Lines(Plain),
    /// A tree on stderr that is drawn again and again, and cleared away at the end.
    Tree(Arc<Live>),
    /// The same, left standing at the end.
    Kept(Arc<Live>),
    /// A JSON object on stdout for each.
    Events(Printer),
}

/// What was shown of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The run.
    pub run: String,
    /// The last entry that an event spoke of.
    pub seq: u64,
}

/// The thread.
pub struct Listener {
    thread: JoinHandle<Option<Seen>>,
}

impl Listener {
    /// Starts it. It ends when every sender is gone. Called inside a tokio runtime.
    pub fn start(view: View, clock: Arc<dyn Clock>) -> Result<(Sender<Event>, Self), Error> {
        let (sender, events) = channel(BACKLOG);
        let handle = Handle::current();
        let thread = std::thread::Builder::new()
            .name("comity-view".to_owned())
            .spawn(move || handle.block_on(follow(events, view, clock)))
            .map_err(|error| Error::Machine(error.to_string()))?;
        Ok((sender, Self { thread }))
    }

    /// Waits for its end. Returns what it heard.
    pub fn join(self) -> Option<Seen> {
        self.thread.join().ok().flatten()
    }
}

async fn follow(mut events: Receiver<Event>, view: View, clock: Arc<dyn Clock>) -> Option<Seen> {
    let mut seen: Option<Seen> = None;
    loop {
        let event = match &view {
            View::Tree(live) | View::Kept(live) => {
                live.draw();
                next_or_tick(&mut events, live, &*clock).await
            }
            _ => events.recv().await,
        };
        let Some(event) = event else { break };
        let seen = seen.get_or_insert_with(|| Seen { run: event.run_id.clone(), seq: event.seq });
        seen.seq = event.seq;
        match &view {
            View::Quiet => {}
            View::Lines(plain) => plain.tell(&event),
            View::Tree(live) | View::Kept(live) => live.note(&event),
            View::Events(printer) => printer.json(&event),
        }
    }
    match &view {
        View::Tree(live) => live.finish(),
        View::Kept(live) => live.draw(),
        View::Quiet | View::Lines(_) | View::Events(_) => {}
    }
    seen
}

/// The next event, with the tree drawn again while there is none. Events that come in a crowd are taken in
/// together, so that drawing does not fall behind.
async fn next_or_tick(events: &mut Receiver<Event>, live: &Live, clock: &dyn Clock) -> Option<Event> {
    let mut tick = clock.sleep(TICK);
    let mut crowd = 0;
    loop {
        tokio::select! { biased;
            event = events.recv() => {
                let event = event?;
                crowd += 1;
                if events.is_empty() || crowd >= BACKLOG {
                    return Some(event);
                }
                live.note(&event);
            }
            () = &mut tick => {
                live.draw();
                tick = clock.sleep(TICK);
                crowd = 0;
            }
        }
    }
}
