//! Which events are logged: the operator's filter under a cap that no filter lifts.

use mcp_errors::{Error, Result};
use tracing::{Level, Metadata, Subscriber, subscriber::Interest};
use tracing_subscriber::{EnvFilter, Layer, layer::Context};

use crate::operation::SPAN_TARGET;

/// The most that these may say. Below it they log whole requests: arguments, header fields with tokens, SQL with
/// values. rmcp's warnings repeat the text of every answer that is an error, and that quotes what the caller named.
const CAPPED: [(&str, Level); 8] = [
    ("h2", Level::WARN),
    ("hyper", Level::WARN),
    ("hyper_util", Level::WARN),
    ("reqwest", Level::WARN),
    ("rmcp", Level::ERROR),
    ("sqlx", Level::WARN),
    ("sqlx_core", Level::WARN),
    ("tower_http", Level::WARN),
];

/// Parses a level or a list of directives; nothing at all means `info`.
pub(super) fn parse(filter: &str) -> Result<EnvFilter> {
    if filter.len() > 1024 {
        return Err(Error::invalid("log filter", "must be at most 1024 characters"));
    }
    let filter = if filter.trim().is_empty() { "info" } else { filter };
    // The parser counts from the first character that is no space, and cuts from the first of all: where there is a space
    // it takes part of a name, or panics within a character.
    let directives = filter.split(',').map(str::trim);
    // Operation spans stay on, so that every line that is shown has its request id.
    let operations = format!("{SPAN_TARGET}=error");
    let directives: Vec<_> = [operations.as_str()].into_iter().chain(directives).collect();
    let filter = directives.join(",");
    // Values of span fields are compared literally; a pattern would be run on outside text.
    EnvFilter::builder().with_regex(false).parse(&filter).map_err(|error| {
        Error::invalid(
            "log filter",
            "expected a level (`info`) or a list of `target=level` (`info,mcp_ticketing=debug`)",
        )
        .with_source(error)
    })
}

/// Refuses what [`CAPPED`] libraries may not say, whatever the filter says.
#[derive(Debug)]
pub(super) struct CapLibraries;

impl CapLibraries {
    fn allows(metadata: &Metadata<'_>) -> bool {
        let library = metadata.target().split("::").next().unwrap_or_default();
        let cap = CAPPED.iter().find(|(name, _)| *name == library);
        cap.is_none_or(|(_, most)| metadata.level() <= most)
    }
}

impl<S: Subscriber> Layer<S> for CapLibraries {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::allows(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        Self::allows(metadata)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse;

    proptest! {
        #[test]
        fn any_filter_is_read_or_refused(text in "[ a-z®=,\\[\\]{}:_-]{0,60}|\\PC{0,100}") {
            drop(parse(&text));
        }
    }

    #[test]
    fn spaces_between_directives_mean_nothing() {
        let spaced = parse(" warn , mcp_ticketing=debug ").unwrap().to_string();
        assert_eq!(spaced, parse("warn,mcp_ticketing=debug").unwrap().to_string());
        assert_eq!(parse(" a®=").is_ok(), parse("a®=").is_ok());
    }
}
