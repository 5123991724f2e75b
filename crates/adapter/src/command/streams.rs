//! The three pipes of a program: fed and emptied at the same time, within bounds.

use super::outcome::STDERR_SHOWN;
use comity_core::Clock;
use std::{future, io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout},
};

/// How much a program may print, in bytes.
pub(super) const STDOUT_LIMIT: usize = 8 * 1024 * 1024;

/// How long the pipes of a program that has ended may stay open: whoever still holds them is a
/// leftover, and there may be one that no signal of ours reaches.
const DRAIN: Duration = Duration::from_millis(200);

/// How much room one read gets at least, in bytes.
const CHUNK: usize = 16 * 1024;

/// A program's pipes, and what has come out of them so far. A pipe that is done with is closed at once.
pub(super) struct Streams<'a> {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
    /// What standard input has still to be given.
    pub(super) unread: &'a [u8],
    /// All of standard output.
    pub(super) printed: Vec<u8>,
    /// The end of standard error.
    pub(super) complaint: Vec<u8>,
}

/// Why it is no use to go on reading.
#[derive(Debug)]
pub(super) enum Broken {
    /// More than [`STDOUT_LIMIT`] was printed.
    TooMuch,
    /// The operating system would not let us read.
    Read(io::Error),
}

impl Streams<'_> {
    /// Feeds and empties the pipes until all are closed. Can be dropped and called again: nothing is lost.
    pub(super) async fn pump(&mut self) -> Result<(), Broken> {
        let fed = feed(&mut self.stdin, &mut self.unread);
        let kept = keep_all(&mut self.stdout, &mut self.printed);
        let ended = keep_end(&mut self.stderr, &mut self.complaint);
        tokio::try_join!(fed, kept, ended).map(drop)
    }

    /// Pumps until all pipes are closed, but no longer than a program that has ended deserves.
    pub(super) async fn drain(&mut self, clock: &dyn Clock) -> Result<(), Broken> {
        // Time is looked at first, so that a flood cannot keep us here.
        tokio::select! { biased;
            () = clock.sleep(DRAIN) => {}
            pumped = self.pump() => return pumped,
        }
        // A machine that was slow to wake us must not cost the program its last words.
        tokio::select! { biased;
            pumped = self.pump() => pumped,
            () = future::ready(()) => Ok(()),
        }
    }
}

async fn feed(pipe: &mut Option<ChildStdin>, unread: &mut &[u8]) -> Result<(), Broken> {
    while let Some(stdin) = pipe {
        // A program may stop reading whenever it likes: that is no failure of either of us.
        if unread.is_empty() || !matches!(stdin.write_buf(unread).await, Ok(1..)) {
            *pipe = None;
        }
    }
    Ok(())
}

async fn keep_all(pipe: &mut Option<ChildStdout>, all: &mut Vec<u8>) -> Result<(), Broken> {
    while let Some(stdout) = pipe {
        all.reserve(CHUNK);
        if stdout.read_buf(all).await.map_err(Broken::Read)? == 0 {
            *pipe = None;
        }
        if all.len() > STDOUT_LIMIT {
            return Err(Broken::TooMuch);
        }
    }
    Ok(())
}

async fn keep_end(pipe: &mut Option<ChildStderr>, end: &mut Vec<u8>) -> Result<(), Broken> {
    while let Some(stderr) = pipe {
        end.reserve(CHUNK);
        if stderr.read_buf(end).await.map_err(Broken::Read)? == 0 {
            *pipe = None;
        }
        if end.len() > CHUNK {
            // One byte more than is shown, so that the reader can tell that something is missing.
            end.drain(..end.len().saturating_sub(STDERR_SHOWN.saturating_add(1)));
        }
    }
    Ok(())
}
