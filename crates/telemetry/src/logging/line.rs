//! The fields of one log line, and the line as JSON or text.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use tracing::{
    Level,
    field::{Field, Visit},
};

use super::Redact;

/// Names that the line itself fills; a field of that name gets the prefix `field.`.
const RESERVED: [&str; 6] = ["timestamp", "level", "service", "version", "target", "message"];

/// Fields in the order of their first appearance; a later value replaces an earlier one.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn put(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Where a record of the `log` crate came from. Its bridge sends that as fields, under one fixed target.
    pub(super) fn take_log_target(&mut self) -> Option<String> {
        let target = self.0.iter().find(|(name, _)| *name == "log.target");
        let target = target.and_then(|(_, value)| value.as_str()).map(str::to_owned);
        self.0.retain(|(name, _)| !name.starts_with("log."));
        target
    }
}

/// The fields of spans and of an event together, in the order of their first appearance; a later value wins.
#[derive(Debug, Default)]
pub(super) struct Joined<'a>(Vec<(&'static str, &'a Value)>);

impl<'a> Joined<'a> {
    pub(super) fn extend(&mut self, inner: &'a Fields) {
        for (name, value) in &inner.0 {
            // `otel.*` tells an exporter how to name the span; it repeats the other fields.
            if name.starts_with("otel.") {
                continue;
            }
            match self.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => *old = value,
                None => self.0.push((name, value)),
            }
        }
    }
}

/// Collects fields, redacted.
pub(super) struct Collect<'a> {
    pub(super) fields: &'a mut Fields,
    pub(super) message: Option<&'a mut String>,
    pub(super) redact: Option<&'a Redact>,
}

impl Collect<'_> {
    fn text(&mut self, field: &Field, text: String) {
        let clean = match self.redact.map(|redact| redact(&text)) {
            Some(Cow::Owned(clean)) => clean,
            Some(Cow::Borrowed(_)) | None => text,
        };
        match &mut self.message {
            Some(message) if field.name() == "message" => **message = clean,
            _ => self.fields.put(field.name(), clean.into()),
        }
    }
}

impl Visit for Collect<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format!("{value:?}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.put(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.put(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.put(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.put(field.name(), value.into());
    }
}

/// One event, ready to be written.
pub(super) struct Line<'a> {
    pub(super) time: DateTime<Utc>,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) message: &'a str,
    pub(super) fields: &'a Joined<'a>,
}

impl Line<'_> {
    fn timestamp(&self) -> String {
        self.time.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// The line as one JSON object, without the line feed.
    pub(super) fn json(&self, service: &str, version: &str) -> serde_json::Result<Vec<u8>> {
        let mut line = Vec::with_capacity(512);
        let mut serializer = serde_json::Serializer::new(&mut line);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &self.timestamp())?;
        map.serialize_entry("level", self.level.as_str())?;
        map.serialize_entry("service", service)?;
        map.serialize_entry("version", version)?;
        map.serialize_entry("target", self.target)?;
        map.serialize_entry("message", self.message)?;
        for (name, value) in &self.fields.0 {
            if RESERVED.contains(name) {
                map.serialize_entry(&format!("field.{name}"), value)?;
            } else {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()?;
        Ok(line)
    }

    /// The line for people, without the line feed. Control characters are escaped, so that outside text
    /// can neither forge a line nor drive the terminal.
    pub(super) fn text(&self, colour: bool) -> Result<Vec<u8>, fmt::Error> {
        let mut line = String::with_capacity(256);
        write!(line, "{} ", self.timestamp())?;
        match (colour, self.level) {
            (false, level) => write!(line, "{level:>5}")?,
            (true, Level::ERROR) => line.push_str("\x1b[31mERROR\x1b[0m"),
            (true, Level::WARN) => line.push_str("\x1b[33m WARN\x1b[0m"),
            (true, level) => write!(line, "\x1b[2m{level:>5}\x1b[0m")?,
        }
        write!(line, " {}: {}", self.target, Printable(self.message))?;
        for (name, value) in &self.fields.0 {
            match value.as_str() {
                Some(text) if !text.contains([' ', '"', '=']) => {
                    write!(line, " {name}={}", Printable(text))?;
                }
                _ => write!(line, " {name}={}", Printable(&value.to_string()))?,
            }
        }
        Ok(line.into_bytes())
    }
}

/// Text with its control and direction characters escaped.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                write!(f, "{}", char.escape_unicode())
            }
            char if char.is_control() => write!(f, "{}", char.escape_default()),
            char => f.write_char(char),
        })
    }
}
