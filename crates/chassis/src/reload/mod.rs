//! What takes effect while the server runs: files that are watched, and the signal that has all of them read again.
//!
//! A part is what is put in force together: the configuration with every secret it names, the certificate with its key,
//! a file of keys. It is made anew as a whole, or stays as it was.

mod configuration;
mod files;
mod in_force;
mod status;

use std::time::Duration;

use async_trait::async_trait;
use tokio::{
    signal::unix::Signal,
    sync::watch::{Receiver, Sender},
    time::{Instant, MissedTickBehavior, interval},
};

pub(crate) use configuration::Configuration;
pub(crate) use files::Watched;
#[cfg(feature = "http")]
pub(crate) use files::read;
pub(crate) use in_force::InForce;
pub(crate) use status::ReloadStatus;

use crate::{Server, config::Stamps};

/// How often files are looked at. One that is being written is left alone until it looks the same twice, so a change
/// is in force within a second.
const PERIOD: Duration = Duration::from_millis(250);

/// How often what could not be put in force is tried again: a database may take a new password later than we do.
const RETRY: Duration = Duration::from_secs(1);

/// Something that is made of files, and made anew when they change.
#[async_trait]
pub(crate) trait Part: Send + 'static {
    /// What it is, as the log and the health check name it.
    fn name(&self) -> String;

    /// Its files, as they were when it was last made.
    fn files(&self) -> &Stamps;

    /// Makes it anew, or says why that cannot be and leaves everything as it was.
    async fn renew(&mut self) -> Result<(), String>;
}

/// Watches the configuration, and files beside it, for as long as the process runs: each by itself, so that a database
/// that hangs does not hold up a revocation. `hangups` has all of them made anew at once.
pub(crate) async fn watch<S: Server>(
    configuration: Configuration<S>,
    files: Vec<Watched>,
    mut hangups: Signal,
) {
    let (asked, status) = (Sender::new(()), configuration.status());
    for file in files {
        tokio::spawn(keep(file, asked.subscribe(), status.clone()));
    }
    tokio::spawn(keep(configuration, asked.subscribe(), status));
    while hangups.recv().await.is_some() {
        tracing::info!("everything is read again, as SIGHUP asks");
        asked.send_replace(());
    }
}

/// Keeps one part as its files say.
async fn keep(mut part: impl Part, mut asked: Receiver<()>, status: ReloadStatus) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut tried) = (part.files().clone(), Instant::now());
    loop {
        let is_asked = tokio::select! {
            _ = ticks.tick() => false,
            asked = asked.changed() => match asked {
                Ok(()) => true,
                Err(_ended) => return,
            },
        };
        let Some(now) = look(&seen).await else { return };
        let is_settled = std::mem::replace(&mut seen, now) == seen;
        let is_due = status.is_broken(&part.name()) && tried.elapsed() >= RETRY;
        if is_asked || is_due || (is_settled && seen != *part.files()) {
            let outcome = part.renew().await;
            status.told(&part.name(), outcome);
            (seen, tried) = (part.files().clone(), Instant::now());
        }
    }
}

/// The files as they are now. A disk that hangs holds up this and nothing else.
async fn look(files: &Stamps) -> Option<Stamps> {
    let files = files.clone();
    let looked = tokio::task::spawn_blocking(move || files.again()).await;
    looked.map_err(|error| tracing::error!(%error, "files are no longer watched")).ok()
}
