//! Notices of a running call: how far it is, and what happens in it.
#![expect(deprecated, reason = "log messages serve clients that still want them (SEP-2577)")]

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use mcp_sanitize::{Findings, Sanitizer, Treatment};
use rmcp::{
    RoleServer,
    model::{LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam},
    service::RequestContext,
};
use serde_json::Value;

/// The most notices of one call.
const MAX_NOTICES: u32 = 1_000;

/// How far progress notices are apart at least.
const APART: Duration = Duration::from_millis(20);

/// The longest text of a notice, in characters.
const MAX_TEXT: usize = 500;

/// How grave a log message is (RFC 5424, as far as a tool needs it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For who looks for a fault.
    Debug,
    /// What happens.
    Info,
    /// What is unusual.
    Notice,
    /// What may go wrong.
    Warning,
    /// What went wrong.
    Error,
}

/// What a call may tell, and how much.
#[derive(Debug)]
pub(crate) struct Notices {
    sanitizer: Arc<Sanitizer>,
    logger: &'static str,
    /// The gravest that is left out below; `None`: nothing is logged.
    level: Option<LoggingLevel>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    count: u32,
    progress: Option<(f64, Instant)>,
}

impl Notices {
    pub(crate) fn new(
        sanitizer: Arc<Sanitizer>,
        logger: &'static str,
        level: Option<LoggingLevel>,
    ) -> Self {
        Self { sanitizer, logger, level, told: Mutex::default() }
    }

    /// Tells how far the call is, where its client asked to be told.
    pub(crate) async fn progress(
        &self,
        context: &RequestContext<RoleServer>,
        (done, total): (f64, Option<f64>),
        message: &str,
    ) {
        let Some(token) = context.meta.get_progress_token() else { return };
        if !self.may_tell_progress(done) {
            return;
        }
        let mut notice =
            ProgressNotificationParam::new(token, done).with_message(self.text(message));
        notice.total = total;
        // A client that went away is told nothing.
        drop(context.peer.notify_progress(notice).await);
    }

    /// Tells what happens, where the client wants messages of that level.
    pub(crate) async fn log(
        &self,
        context: &RequestContext<RoleServer>,
        level: LogLevel,
        message: &str,
    ) {
        let level = level.into();
        if self.level.is_none_or(|wanted| rank(level) < rank(wanted)) || !self.may_tell() {
            return;
        }
        let text = Value::String(self.text(message));
        let notice = LoggingMessageNotificationParam::new(level, text).with_logger(self.logger);
        drop(context.peer.notify_logging_message(notice).await);
    }

    /// Somebody else's words may be part of a notice, too.
    pub(crate) fn text(&self, message: &str) -> String {
        let short: String = message.chars().take(MAX_TEXT).collect();
        self.sanitizer.text(&short, Treatment::Clean, &mut Findings::default()).into_owned()
    }

    fn may_tell(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.count += 1;
        told.count <= MAX_NOTICES
    }

    /// Progress grows (MCP, progress), and is not told more often than somebody can see.
    fn may_tell_progress(&self, done: f64) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = told.progress.is_none_or(|(last, at)| done > last && at.elapsed() >= APART);
        if !is_news || told.count >= MAX_NOTICES {
            return false;
        }
        told.count += 1;
        told.progress = Some((done, Instant::now()));
        true
    }
}

impl From<LogLevel> for LoggingLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Debug => Self::Debug,
            LogLevel::Info => Self::Info,
            LogLevel::Notice => Self::Notice,
            LogLevel::Warning => Self::Warning,
            LogLevel::Error => Self::Error,
        }
    }
}

fn rank(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}

#[cfg(test)]
mod tests {
    use mcp_sanitize::Options;

    use super::*;

    fn notices() -> Notices {
        let sanitizer = Arc::new(Sanitizer::new(&Options::default()).unwrap());
        Notices::new(sanitizer, "test", None)
    }

    #[test]
    fn progress_grows_and_is_not_told_too_often() {
        let notices = notices();
        assert!(notices.may_tell_progress(0.0));
        assert!(!notices.may_tell_progress(1.0), "too soon");
        std::thread::sleep(APART);
        assert!(!notices.may_tell_progress(0.0), "no news");
        assert!(notices.may_tell_progress(1.0));
    }

    #[test]
    fn a_call_cannot_flood_its_client() {
        let notices = notices();
        let told = (0..2 * MAX_NOTICES).filter(|_| notices.may_tell()).count();
        assert_eq!(u32::try_from(told).unwrap(), MAX_NOTICES);
    }

    #[test]
    fn a_notice_is_short_and_clean() {
        let text = notices().text(&format!("\u{200b}ghp_{}{}", "a".repeat(36), "x".repeat(1_000)));
        assert!(text.chars().count() <= MAX_TEXT + 100, "{text}");
        assert!(!text.contains('\u{200b}'), "{text}");
    }
}
