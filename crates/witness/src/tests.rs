//! Logs that grow and split, a witness over them, and time that a test moves.

use crate::request::Request;
use crate::witness::{Answer, Options, Said, Witness};
use comity_core::{BoxFuture, Clock, Digest, Entropy, Timestamp, Unwatched};
use comity_ledger::log::note::Verifier;
pub use comity_testkit::grown::Grown;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The machine's timers, under a wall clock that stands still.
pub struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_123)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own clock")]
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// The same bytes each time.
pub struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

/// All that a witness said.
pub type Heard = Arc<Mutex<Vec<Said>>>;

pub fn open(folder: &Path, trust: &[Verifier]) -> Result<(Witness, Heard), crate::Error> {
    let heard = Heard::default();
    let ears = Arc::clone(&heard);
    let say = Box::new(move |said: &Said| ears.lock().unwrap().push(said.clone()));
    let (clock, points) = (Arc::new(Standing), Arc::new(Unwatched));
    let options = Options { folder, trust, clock, entropy: &Fixed, points, say };
    Ok((Witness::open(options)?, heard))
}

/// Asks for a cosignature on the log at `new`, with its true proof from `old`.
pub fn ask(witness: &Witness, log: &Grown, old: u64, new: u64) -> Answer {
    let proof = if old == 0 { Vec::new() } else { log.proof(old, new) };
    ask_with(witness, log, old, new, &proof)
}

pub fn ask_with(witness: &Witness, log: &Grown, old: u64, new: u64, proof: &[Digest]) -> Answer {
    witness.add_checkpoint(&Request::body(old, proof, &log.note(new).to_bytes()))
}
