//! Ctrl-C, the request to end, and a terminal that went away: the first stops the run in order, the second stops the process.

use crate::error::Error;
use crate::exit::Exit;
use crate::live::Live;
use crate::printer::Printer;
use comity_core::BoxFuture;
use std::sync::Arc;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Listens for signals until it is dropped.
pub struct Signals {
    first: Option<oneshot::Receiver<()>>,
    _watch: JoinSet<()>,
}

impl Signals {
    /// Begins to listen. From here on a first signal no longer ends the process by itself.
    ///
    /// `screen` is what stands on the terminal then.
    pub fn watch(printer: &Printer, screen: Option<Arc<Live>>) -> Result<Self, Error> {
        Self::watch_saying(STOPPING, printer, screen)
    }

    /// The same, with other words at the first signal.
    pub fn watch_saying(
        words: &'static str,
        printer: &Printer,
        screen: Option<Arc<Live>>,
    ) -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|error| Error::Machine(error.to_string()));
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let signals = kinds.into_iter().map(listen).collect::<Result<Vec<_>, _>>()?;
        let (tell, first) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(signals, tell, printer.clone(), screen, words));
        Ok(Self { first: Some(first), _watch: tasks })
    }

    /// Ends at the first signal. Can be taken once; later ones never end.
    pub fn stop(&mut self) -> BoxFuture<'static, ()> {
        let first = self.first.take();
        Box::pin(async move {
            let heard = match first {
                Some(first) => first.await.is_ok(),
                None => false,
            };
            if !heard {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// Said at the first signal. The terminal may stand in the middle of a line.
const STOPPING: &str = "\nstopping: steps under way are ended; once more stops at once\n";

async fn follow(
    mut signals: Vec<Signal>,
    tell: oneshot::Sender<()>,
    printer: Printer,
    screen: Option<Arc<Live>>,
    words: &'static str,
) {
    next(&mut signals).await;
    match screen {
        Some(live) => live.say(words),
        None => printer.note(words),
    }
    // Nobody waits any more when the run has just ended by itself.
    let _ = tell.send(());
    next(&mut signals).await;
    std::process::exit(Exit::Interrupted.code());
}

/// Ends at the next of them, whichever it is.
async fn next(signals: &mut [Signal]) {
    std::future::poll_fn(|cx| {
        let heard = signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
        if heard { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
