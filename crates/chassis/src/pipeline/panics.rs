//! Keeps a panic of the domain's code from silencing the answer.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use mcp_errors::{Error, Result};

/// Turns a panic into an error. Without this the SDK would never answer the call (its task just ends).
pub(crate) async fn catching_panics<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|panic| {
        Err(Error::internal(format!("panicked: {}", panic_text(panic.as_ref()))))
    })
}

/// What a panic said, for the log.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use mcp_errors::{ErrorKind, Result};

    use super::catching_panics;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_that_does_not_tell() {
        let ended: Result<()> = catching_panics(async { panic!("hunter2") }).await;
        let error = ended.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Internal);
        assert!(!error.to_string().contains("hunter2"));
    }
}
