//! Waiting for what comes a little later.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::process::PATIENCE;

/// Asks again until it holds.
///
/// # Panics
/// When it never does.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let polled = async {
        while !holds().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(PATIENCE, polled).await.is_ok(), "{what}: never");
}
