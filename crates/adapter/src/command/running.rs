//! A program that runs, with everything it started: one process group that cannot outlive its owner.

use super::streams::Streams;
use comity_core::Clock;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal as Signals, SignalKind, signal},
};

/// How long a program that is asked to end may take over it.
const GRACE: Duration = Duration::from_millis(500);

/// How long the operating system may take to bury a process it has killed.
const BURIAL: Duration = Duration::from_millis(200);

/// A process group whose leader we started. Dropping it kills all of it.
///
/// Invariant: until `buried`, the leader is alive or a zombie, so the group's number is still its own
/// and a signal to it reaches nobody else.
pub(super) struct Running {
    child: Child,
    group: Pid,
    deaths: Signals,
    buried: bool,
}

impl Running {
    /// Starts a program in a group of its own, with `input` waiting to be fed to it.
    pub(super) fn start(mut command: Command, input: &[u8]) -> io::Result<(Self, Streams<'_>)> {
        // Listening comes first, so that no death goes unheard.
        let deaths = signal(SignalKind::child())?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = group.ok_or_else(|| io::Error::other("the new process has no number"))?;
        let streams = Streams {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            unread: input,
            printed: Vec::new(),
            complaint: Vec::new(),
        };
        Ok((Self { child, group, deaths, buried: false }, streams))
    }

    /// Ends when the leader has ended, and leaves it unburied.
    pub(super) async fn ended(&mut self) {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while let Ok(None) = waitid(WaitId::Pid(self.group), look) {
            if self.deaths.recv().await.is_none() {
                return;
            }
        }
    }

    /// Ends whatever of the group is left, at once.
    pub(super) fn kill(&self) {
        self.send(Signal::KILL);
    }

    /// Asks the group to end, and waits until it has or its grace is over.
    pub(super) async fn ask_to_end(&mut self, streams: &mut Streams<'_>, clock: &dyn Clock) {
        self.send(Signal::TERM);
        // Pipes that close tell that what the leader started has ended too.
        let all_gone = async { tokio::join!(self.ended(), streams.pump()) };
        tokio::select! { biased;
            () = clock.sleep(GRACE) => {}
            _ = all_gone => {}
        }
    }

    /// Kills what is left of the group, and learns how its leader ended.
    pub(super) async fn bury(&mut self, clock: &dyn Clock) -> io::Result<ExitStatus> {
        self.kill();
        let late = clock.sleep(BURIAL);
        let status = tokio::select! { biased;
            status = self.child.wait() => status?,
            () = late => return Err(io::ErrorKind::TimedOut.into()),
        };
        self.buried = true;
        Ok(status)
    }

    fn send(&self, signal: Signal) {
        if !self.buried {
            // The only failure there can be is that nobody is left to hear it.
            let _ = kill_process_group(self.group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The child is dropped after this, and then buried by the runtime.
        self.kill();
    }
}
