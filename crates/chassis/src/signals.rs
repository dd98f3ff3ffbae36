//! SIGTERM and SIGINT, the platform's and the person's way to say stop, and SIGHUP, which has files read again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a server.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts listening.
    ///
    /// # Errors
    /// When the process may not install handlers.
    pub(crate) fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next signal to stop.
    pub(crate) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Listens to SIGHUP, which from then on ends nothing.
///
/// # Errors
/// When the process may not install handlers.
pub(crate) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}
