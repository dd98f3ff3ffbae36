//! Keeps a panic of the domain's code from silencing the answer.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures::FutureExt;
use mcp_errors::{Error, Result};

/// Turns a panic into an error. Without this the SDK would never answer the call (its task just ends).
pub(crate) async fn catching_panics<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// The same for what does not wait.
pub(crate) fn catching_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::internal(format!("panicked: {}", panic_text(panic)))
}

/// What a panic said, for the log.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use mcp_errors::{ErrorKind, Result};

    use super::{catching_panic, catching_panics};

    #[tokio::test]
    async fn a_panic_is_an_internal_error_that_does_not_tell() {
        let in_time: Result<()> = catching_panics(async { panic!("hunter2") }).await;
        let at_once: Result<()> = catching_panic(|| panic!("hunter2"));
        for error in [in_time.unwrap_err(), at_once.unwrap_err()] {
            assert_eq!(*error.kind(), ErrorKind::Internal);
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
