//! What can come out of a domain call, as far as cleaning and measuring are concerned.

use mcp_errors::{Error, ErrorKind, Result};
use mcp_sanitize::{Budget, Findings, Fit, OFFLOAD_BYTES, Sanitizer, Treatment, fit, is_large};
use serde_json::Value;

use crate::{PromptPart, ResourceBody, ResourcePage, tool::ToolAnswer};

/// An answer that the pipeline can clean, cut to a budget, and (for tools) record and replay.
pub(crate) trait Answer: Send + Sized + 'static {
    /// Whether there is so much text that it is cleaned off the async threads.
    fn is_large(&self) -> bool;

    /// Cleans every string.
    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings);

    /// Cuts whole items until the answer is within `budget`.
    fn fit(&mut self, budget: Budget) -> Result<()>;

    /// What a repetition of the same write is answered with.
    fn to_record(&self) -> Value {
        Value::Null
    }

    /// The answer of an earlier write.
    fn from_record(_record: Value) -> Result<Self> {
        Err(Error::internal("only tools write"))
    }
}

impl Answer for ToolAnswer {
    fn is_large(&self) -> bool {
        let text = self.text.as_ref().map_or(0, |text| text.text.len());
        text > OFFLOAD_BYTES || is_large(&self.value)
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        sanitizer.value(&mut self.value, treatment, findings);
        if let Some(text) = &mut self.text {
            clean_text(&mut text.text, sanitizer, treatment, findings);
        }
    }

    fn fit(&mut self, budget: Budget) -> Result<()> {
        refuse_too_large(fit(&mut self.value, budget, self.page.as_ref()))?;
        match &mut self.text {
            Some(text) => text.fit(&mut self.value, budget),
            None => Ok(()),
        }
    }

    fn to_record(&self) -> Value {
        self.value.clone()
    }

    fn from_record(record: Value) -> Result<Self> {
        Ok(Self { value: record, page: None, text: None })
    }
}

impl Answer for ResourceBody {
    fn is_large(&self) -> bool {
        match self {
            Self::Json(value) => is_large(value),
            Self::Text(text) => text.len() > OFFLOAD_BYTES,
        }
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        match self {
            Self::Json(value) => sanitizer.value(value, treatment, findings),
            Self::Text(text) => clean_text(text, sanitizer, treatment, findings),
        }
    }

    fn fit(&mut self, budget: Budget) -> Result<()> {
        match self {
            Self::Json(value) => refuse_too_large(fit(value, budget, None)),
            Self::Text(text) => fit_text(text, budget),
        }
    }
}

impl Answer for Vec<PromptPart> {
    fn is_large(&self) -> bool {
        bytes(self.iter().map(PromptPart::text)) > OFFLOAD_BYTES
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        for part in self {
            // Our own words are trusted; what they quote stands in parts of its own.
            if let PromptPart::Outside(text) = part {
                clean_text(text, sanitizer, treatment, findings);
            }
        }
    }

    fn fit(&mut self, budget: Budget) -> Result<()> {
        within(bytes(self.iter().map(PromptPart::text)), budget)
    }
}

impl Answer for ResourcePage {
    fn is_large(&self) -> bool {
        bytes(self.texts()) > OFFLOAD_BYTES
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        for entry in &mut self.entries {
            clean_text(&mut entry.title, sanitizer, treatment, findings);
            clean_text(&mut entry.name, sanitizer, treatment, findings);
        }
    }

    fn fit(&mut self, budget: Budget) -> Result<()> {
        within(bytes(self.texts()), budget)
    }
}

/// The most values a completion may have (MCP, completion/complete).
const MAX_COMPLETIONS: usize = 100;

impl Answer for Vec<String> {
    fn is_large(&self) -> bool {
        bytes(self.iter().map(String::as_str)) > OFFLOAD_BYTES
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        for text in self {
            clean_text(text, sanitizer, treatment, findings);
        }
    }

    fn fit(&mut self, budget: Budget) -> Result<()> {
        self.truncate(MAX_COMPLETIONS);
        within(bytes(self.iter().map(String::as_str)), budget)
    }
}

fn bytes<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(str::len).sum()
}

fn within(bytes: usize, budget: Budget) -> Result<()> {
    if bytes > budget.bytes() { Err(too_large()) } else { Ok(()) }
}

fn clean_text(
    text: &mut String,
    sanitizer: &Sanitizer,
    treatment: Treatment,
    findings: &mut Findings,
) {
    if let std::borrow::Cow::Owned(cleaned) = sanitizer.text(text, treatment, findings) {
        *text = cleaned;
    }
}

fn fit_text(text: &mut String, budget: Budget) -> Result<()> {
    let mut value = Value::String(std::mem::take(text));
    let fitted = refuse_too_large(fit(&mut value, budget, None));
    if let Value::String(cut) = value {
        *text = cut;
    }
    fitted
}

fn refuse_too_large(fitted: Fit) -> Result<()> {
    match fitted {
        Fit::TooLarge => Err(too_large()),
        _ => Ok(()),
    }
}

fn too_large() -> Error {
    let kind = ErrorKind::InvalidInput { fields: Vec::new() };
    Error::new(kind, "the answer is over its output budget, ask for less at a time")
}
