//! The end of a call that takes too long or that nobody waits for any more.

use std::time::Duration;

use mcp_errors::{Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use crate::units::HumanDuration;

/// Runs `call` until it ends, `deadline` has passed or `cancelled` is triggered, whichever comes first.
/// A call that is cut off is dropped before this returns, and with it all that it waits for.
///
/// # Errors
/// The call's own, [`ErrorKind::Timeout`] or [`ErrorKind::Cancelled`].
pub async fn within<T>(
    deadline: Duration,
    cancelled: &CancellationToken,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        outcome = tokio::time::timeout(deadline, call) => outcome.unwrap_or_else(|_| {
            let deadline = HumanDuration(deadline);
            Err(Error::new(
                ErrorKind::Timeout,
                format!("the call did not end within {deadline}, ask for less or try again"),
            ))
        }),
        () = cancelled.cancelled() => {
            Err(Error::new(ErrorKind::Cancelled, "the caller withdrew the call"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    /// A call that never ends and that can be seen to be gone.
    fn endless() -> (Arc<()>, impl Future<Output = Result<()>>) {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        (alive, async move {
            pending::<()>().await;
            drop(held);
            Ok(())
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_over_its_deadline_is_dropped() {
        let (alive, call) = endless();
        let error = within(DEADLINE, &CancellationToken::new(), call).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Timeout);
        assert_eq!(error.message(), "the call did not end within 30s, ask for less or try again");
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_withdrawn_call_is_dropped_at_once() {
        let token = CancellationToken::new();
        token.cancel();
        let (alive, call) = endless();
        let begun = tokio::time::Instant::now();
        let error = within(DEADLINE, &token, call).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed()), (&ErrorKind::Cancelled, Duration::ZERO));
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[tokio::test]
    async fn a_result_that_is_there_wins_over_a_late_withdrawal() {
        let token = CancellationToken::new();
        token.cancel();
        assert_eq!(within(DEADLINE, &token, async { Ok(7) }).await.unwrap(), 7);
    }
}
