//! Log lines: to stderr only, as JSON or text, with the fields of the current spans at the top level.

mod filter;
mod layer;
mod line;

use std::{
    borrow::Cow,
    fmt,
    io::{self, IsTerminal},
    str::FromStr,
    sync::Arc,
};

use mcp_errors::{Error, Result};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Registry, fmt::MakeWriter, layer::SubscriberExt, registry::LookupSpan, reload,
    util::SubscriberInitExt,
};

use crate::otlp::{OtlpLayer, TRACED};

/// Replaces what must not be logged; applied to every message and every text field.
pub type Redact = Arc<dyn for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync>;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// For people; coloured when stderr is a terminal.
    Text,
}

impl FromStr for LogFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(Error::invalid("log format", "expected `json` or `text`")),
        }
    }
}

/// What the log shows and how.
pub struct LogOptions {
    /// A level (`info`) or directives (`info,mcp_ticketing=debug`).
    pub filter: String,
    /// JSON or text.
    pub format: LogFormat,
    /// `service` of every JSON line.
    pub service: Cow<'static, str>,
    /// `version` of every JSON line.
    pub version: Cow<'static, str>,
    /// Applied to every message and text field before it is written.
    pub redact: Option<Redact>,
    /// Exports spans and events, too; where there is none, nothing is spent on it.
    pub export: Option<OtlpLayer>,
}

impl fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogOptions")
            .field("filter", &self.filter)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Changes the level while the process runs.
#[derive(Clone, Debug)]
pub struct LogHandle {
    filter: reload::Handle<EnvFilter, Registry>,
    /// Traces consist of spans that the log may not want to read.
    is_traced: bool,
}

impl LogHandle {
    /// Replaces the filter; the caps on libraries that log requests stay.
    ///
    /// # Errors
    /// The filter is not understood (the old one stays), or the log is gone.
    pub fn set_filter(&self, filter: &str) -> Result<()> {
        self.filter.reload(parsed(filter, self.is_traced)?).map_err(Error::internal)
    }
}

fn parsed(filter: &str, is_traced: bool) -> Result<EnvFilter> {
    if is_traced && !filter.trim().is_empty() {
        filter::parse(filter)?;
        return filter::parse(&format!("{TRACED},{filter}"));
    }
    filter::parse(filter)
}

/// Checks a filter before it is put in force.
///
/// # Errors
/// The filter is not understood.
pub fn check_filter(filter: &str) -> Result<()> {
    filter::parse(filter).map(drop)
}

/// Makes stderr the process's log.
///
/// # Errors
/// The filter is not understood, or the process has a log already.
pub fn init(options: LogOptions) -> Result<LogHandle> {
    let colour = options.format == LogFormat::Text && io::stderr().is_terminal();
    let (subscriber, handle) = build(options, io::stderr, colour)?;
    subscriber.try_init().map_err(Error::internal)?;
    Ok(handle)
}

/// The log as a subscriber that writes to `writer`, uncoloured: for tests and embedding.
///
/// # Errors
/// The filter is not understood.
pub fn subscriber<W>(
    options: LogOptions,
    writer: W,
) -> Result<(impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync, LogHandle)>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    build(options, writer, false)
}

fn build<W>(
    mut options: LogOptions,
    writer: W,
    colour: bool,
) -> Result<(impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync, LogHandle)>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let is_traced = options.export.is_some();
    let (layer, filter) = reload::Layer::new(parsed(&options.filter, is_traced)?);
    let export = options.export.take();
    let lines = layer::LogLayer::new(options, writer, colour);
    let subscriber = Registry::default().with(layer).with(filter::CapLibraries).with(lines);
    let subscriber = subscriber.with(export);
    Ok((subscriber, LogHandle { filter, is_traced }))
}
