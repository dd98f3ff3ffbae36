//! What can come out of a domain call, as far as cleaning and measuring are concerned.

use mcp_errors::{Error, Result};
use mcp_sanitize::{Budget, Findings, OFFLOAD_BYTES, PageCut, Sanitizer, Treatment, fit, is_large};
use serde_json::{Value, json};

use crate::{
    Block, PromptPart, ResourceBody, ResourcePage,
    content::{self, too_large},
    structured::Structured,
    tool::ToolAnswer,
};

/// An answer that the pipeline can clean, cut to a budget, and (for tools) record and replay.
pub(crate) trait Answer: Send + Sized + 'static {
    /// The answer within its budget, as it is sent.
    type Fitted: Send;

    /// Whether it is known at once that there is nothing to clean; if not, it is made ready for that.
    fn is_harmless(&mut self, _sanitizer: &Sanitizer) -> Result<bool> {
        Ok(false)
    }

    /// Whether there is so much text that it is cleaned off the async threads.
    fn is_large(&self) -> bool;

    /// Cleans every string.
    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings);

    /// Cuts whole items until the answer is within `budget`.
    fn fit(self, budget: Budget) -> Result<Self::Fitted>;

    /// What a repetition of the same write is answered with.
    fn to_record(&mut self) -> Result<Value> {
        Ok(Value::Null)
    }

    /// The answer of an earlier write.
    fn from_record(_record: Value) -> Result<Self> {
        Err(Error::internal("only tools write"))
    }
}

/// What a tool answered, within its budget.
#[derive(Debug)]
pub(crate) struct FittedAnswer {
    pub(crate) structured: Option<Structured>,
    /// The same as it was measured: written once, since an answer may be long.
    pub(crate) json: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) blocks: Vec<Block>,
}

/// What an address holds, within its budget.
#[derive(Debug)]
pub(crate) enum FittedBody {
    Text(String),
    Bytes(Vec<u8>),
}

/// Under which name the record of a write holds blocks; no tool's field is called so.
const BLOCKS: &str = "io.github.mcp-chassis/blocks";

impl Answer for ToolAnswer {
    type Fitted = FittedAnswer;

    fn is_harmless(&mut self, sanitizer: &Sanitizer) -> Result<bool> {
        if self.json.as_ref().is_some_and(|json| sanitizer.is_harmless_json(json)) {
            return Ok(true);
        }
        self.make_value()?;
        Ok(false)
    }

    fn is_large(&self) -> bool {
        let text = self.text.as_ref().map_or(0, |text| text.text.len());
        text + content::text_bytes(&self.blocks) > OFFLOAD_BYTES
            || self.structured.as_ref().and_then(Structured::as_value).is_some_and(is_large)
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        if let Some(value) = self.structured.as_mut().and_then(Structured::as_value_mut) {
            sanitizer.value(value, treatment, findings);
        }
        let blocks = self.blocks.iter_mut().filter_map(Block::text_mut);
        for text in self.text.iter_mut().map(|text| &mut text.text).chain(blocks) {
            clean_text(text, sanitizer, treatment, findings);
        }
    }

    fn fit(mut self, budget: Budget) -> Result<FittedAnswer> {
        content::within(&self.blocks, budget)?;
        self.json = self.json.filter(|json| json.len() <= budget.bytes());
        if self.json.is_none() {
            self.make_value()?;
        }
        let Self { mut structured, mut json, page, text, blocks } = self;
        let mut shown = None;
        if let Some(value) = structured.as_mut().and_then(Structured::as_value_mut) {
            json = Some(json_within(value, budget, page.as_ref())?);
            if let Some(text) = text {
                shown = Some(text.fit(value, budget)?);
                // The text's place was told to the value.
                json = Some(value.to_string());
            }
        }
        Ok(FittedAnswer { structured, json, text: shown, blocks })
    }

    fn to_record(&mut self) -> Result<Value> {
        self.make_value()?;
        let value = self.structured.as_ref().and_then(Structured::as_value).cloned();
        Ok(value.unwrap_or_else(|| json!({ BLOCKS: self.blocks })))
    }

    fn from_record(mut record: Value) -> Result<Self> {
        let blocks = record.get_mut(BLOCKS).map(Value::take);
        let structured = blocks.is_none().then_some(Structured::Value(record));
        let blocks = blocks.map(serde_json::from_value).transpose().map_err(Error::internal)?;
        let blocks = blocks.unwrap_or_default();
        Ok(Self { structured, json: None, page: None, text: None, blocks })
    }
}

impl Answer for ResourceBody {
    type Fitted = FittedBody;

    fn is_large(&self) -> bool {
        match self {
            Self::Json(value) => is_large(value),
            Self::Text(text) => text.len() > OFFLOAD_BYTES,
            Self::Bytes(_) => false,
        }
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        match self {
            Self::Json(value) => sanitizer.value(value, treatment, findings),
            Self::Text(text) => clean_text(text, sanitizer, treatment, findings),
            Self::Bytes(_) => {}
        }
    }

    fn fit(self, budget: Budget) -> Result<FittedBody> {
        match self {
            Self::Json(mut value) => json_within(&mut value, budget, None).map(FittedBody::Text),
            Self::Text(text) => text_within(text, budget).map(FittedBody::Text),
            // How much they may be is checked where they are encoded.
            Self::Bytes(bytes) => Ok(FittedBody::Bytes(bytes)),
        }
    }
}

impl Answer for Vec<PromptPart> {
    type Fitted = Self;

    fn is_large(&self) -> bool {
        bytes(self.iter().map(PromptPart::text)) > OFFLOAD_BYTES
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        for part in self {
            // Our own words are trusted; what they quote stands in parts of its own.
            let text = match part {
                PromptPart::Instruction(_) => None,
                PromptPart::Outside(text) => Some(text),
                PromptPart::Block(block) => block.text_mut(),
            };
            if let Some(text) = text {
                clean_text(text, sanitizer, treatment, findings);
            }
        }
    }

    fn fit(self, budget: Budget) -> Result<Self> {
        content::within(self.iter().filter_map(PromptPart::block), budget)?;
        within(bytes(self.iter().map(PromptPart::text)), budget)?;
        Ok(self)
    }
}

impl Answer for ResourcePage {
    type Fitted = Self;

    fn is_large(&self) -> bool {
        bytes(self.texts()) > OFFLOAD_BYTES
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        for entry in &mut self.entries {
            clean_text(&mut entry.title, sanitizer, treatment, findings);
            clean_text(&mut entry.name, sanitizer, treatment, findings);
        }
    }

    fn fit(self, budget: Budget) -> Result<Self> {
        within(bytes(self.texts()), budget)?;
        Ok(self)
    }
}

/// The most values a completion may have (MCP, completion/complete).
const MAX_COMPLETIONS: usize = 100;

impl Answer for Vec<String> {
    type Fitted = Self;

    fn is_large(&self) -> bool {
        bytes(self.iter().map(String::as_str)) > OFFLOAD_BYTES
    }

    fn clean(&mut self, sanitizer: &Sanitizer, treatment: Treatment, findings: &mut Findings) {
        for text in self {
            clean_text(text, sanitizer, treatment, findings);
        }
    }

    fn fit(mut self, budget: Budget) -> Result<Self> {
        self.truncate(MAX_COMPLETIONS);
        within(bytes(self.iter().map(String::as_str)), budget)?;
        Ok(self)
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

fn json_within(value: &mut Value, budget: Budget, page: Option<&PageCut>) -> Result<String> {
    fit(value, budget, page).map(|fitted| fitted.json).ok_or_else(too_large)
}

fn text_within(text: String, budget: Budget) -> Result<String> {
    let mut value = Value::String(text);
    fit(&mut value, budget, None).ok_or_else(too_large)?;
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Error::internal("a text that was cut is none any more")),
    }
}
