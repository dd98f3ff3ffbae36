//! An event of the log as OTLP has it, with everything redacted that the log redacts.

use std::{borrow::Cow, fmt};

use opentelemetry::logs::{AnyValue, LogRecord, Severity};
use opentelemetry_sdk::logs::SdkLogRecord;
use tracing::{
    Level,
    field::{Field, Visit},
};

use crate::{logging::Redact, operation::clip};

/// The longest text of a record's body or attribute, in bytes.
const MAX_TEXT: usize = 4096;

/// Libraries that carry what is exported: their own records would beget others.
const CARRIERS: [&str; 7] =
    ["h2", "hyper", "hyper_util", "opentelemetry", "reqwest", "tonic", "tower"];

pub(super) fn is_of_carrier(target: &str) -> bool {
    let library = target.split("::").next().unwrap_or_default();
    CARRIERS.contains(&library) || library.starts_with("opentelemetry")
}

pub(super) fn severity(level: Level) -> (Severity, &'static str) {
    match level {
        Level::ERROR => (Severity::Error, "ERROR"),
        Level::WARN => (Severity::Warn, "WARN"),
        Level::INFO => (Severity::Info, "INFO"),
        Level::DEBUG => (Severity::Debug, "DEBUG"),
        Level::TRACE => (Severity::Trace, "TRACE"),
    }
}

/// Fills a record from the fields of an event.
pub(super) struct Fill<'a> {
    pub(super) record: &'a mut SdkLogRecord,
    pub(super) redact: Option<&'a Redact>,
}

impl Fill<'_> {
    fn text(&mut self, field: &Field, text: &str) {
        // Redacted whole and cut afterwards: half a secret would not be known as one.
        let text = self.redact.map_or(Cow::Borrowed(text), |redact| redact(text));
        let text = clip(&text, MAX_TEXT).to_owned();
        match field.name() {
            "message" => self.record.set_body(text.into()),
            name => self.set(name, text.into()),
        }
    }

    fn set(&mut self, name: &'static str, value: AnyValue) {
        if !name.starts_with("log.") {
            self.record.add_attribute(name, value);
        }
    }
}

impl Visit for Fill<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), i64::try_from(value).unwrap_or(i64::MAX).into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}
