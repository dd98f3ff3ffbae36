//! How long the machine has stood still: a clock goes on where nothing runs, and no server is to blame for that.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Between two beats; what takes longer by as much again is a pause of the machine.
const BEAT: Duration = Duration::from_millis(200);

static BEGUN: Once = Once::new();
static STOOD_STILL: AtomicU64 = AtomicU64::new(0);

/// The sum of all pauses since this was asked for the first time.
pub(super) fn stood_still() -> Duration {
    BEGUN.call_once(|| drop(thread::spawn(beat)));
    Duration::from_millis(STOOD_STILL.load(Ordering::Relaxed))
}

fn beat() {
    loop {
        let begun = Instant::now();
        thread::sleep(BEAT);
        let late = begun.elapsed().saturating_sub(BEAT);
        if late > BEAT {
            let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            STOOD_STILL.fetch_add(late, Ordering::Relaxed);
        }
    }
}
