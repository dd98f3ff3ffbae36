//! The one error type that crosses crate borders.

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use serde_json::Value;

use crate::{ErrorKind, FieldFault};

/// A result whose failure is already classified.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A classified failure: what the caller may know, apart from what the log keeps.
///
/// `Display` is what the caller reads. The cause is reached by [`StdError::source`] only.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    details: Option<Value>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure with the sentence that the caller reads: lower case, no full stop, the thing named and
    /// the next step; never a URL, SQL text or a token.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), details: None, source: None }
    }

    /// One argument was refused.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        let fault = FieldFault::new(field, problem);
        let message = format!("`{}` {}", fault.field, fault.problem);
        Self::new(ErrorKind::InvalidInput { fields: vec![fault] }, message)
    }

    /// The thing named does not exist.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The thing changed meanwhile, or the same key came with other arguments.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// The caller lacks scopes; names every one that the operation needs.
    pub fn missing_scopes(scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        let message = format!("this needs the scope `{}`", scopes.join(" "));
        Self::new(ErrorKind::Forbidden { scopes }, message)
    }

    /// A quota is used up until `retry_after` has passed.
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::new(ErrorKind::RateLimited { retry_after }, "the quota is used up")
    }

    /// Our own fault. The caller reads a fixed sentence, `source` goes to the log.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Internal, "the server failed, quote the request id to its operators")
            .with_source(source)
    }

    /// Adds machine-readable details for the caller; they stand beside those of the kind.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Keeps the cause for the log. It never leaves the process.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, in the terms that a caller can act on.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// What the caller reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details of the kind, with the failure's own laid over them.
    pub fn details(&self) -> Option<Value> {
        match (self.kind.details(), self.details.clone()) {
            (Some(Value::Object(mut of_kind)), Some(Value::Object(own))) => {
                of_kind.extend(own);
                Some(Value::Object(of_kind))
            }
            (of_kind, own) => own.or(of_kind),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
