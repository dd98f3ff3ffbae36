//! Markers that a model or a browser obeys: which they are, and the one character to change in each.

use std::borrow::Cow;

use crate::{Finding, edit::Edit, scan::Hit};

/// What decides whether a match is the marker it looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Marker {
    /// Obeyed wherever it stands, whatever follows.
    Opening(Finding),
    /// A tag whose name must end here.
    Tag(Finding),
    /// `<|`, which is a token only when a name and `|>` follow.
    Pipe,
    /// A speaker's name, which opens a turn only at the start of a line.
    Turn,
    /// A URL scheme that runs code.
    Scheme,
}

/// Chat templates of the common model families and the openings of their tool calls.
const CHAT_TOKENS: &[&str] = &[
    "<|im_start",
    "<|im_end",
    "<|endoftext",
    "<|eot_id",
    "<|begin_of_text",
    "<|system",
    "<|user",
    "<|assistant",
    "<｜",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<<sys>>",
    "<</sys>>",
    "<start_of_turn",
    "<end_of_turn",
    "[inst]",
    "[/inst]",
    "[tool_calls]",
    "[/tool_calls]",
    "[tool_results]",
    "[/tool_results]",
    "[available_tools]",
    "[/available_tools]",
    "[system_prompt]",
    "[/system_prompt]",
];

/// Tool-call and instruction tags, in the opening and the closing form; a longer name counts too.
const CHAT_TAG_PREFIXES: &[&str] = &[
    "antml",
    "tool_call",
    "tool_code",
    "tool_output",
    "tool_response",
    "tool_result",
    "tool_use",
    "function_call",
    "function_output",
    "function_response",
    "function_result",
    "function=",
    "invoke",
    "parameter name",
    "system-reminder",
    "system_prompt",
    "system_instruction",
    "think>",
    "thinking>",
];

/// The same for names that are also common words or identifiers (`#include <system_error>`).
const CHAT_TAGS: &[&str] = &["system", "assistant", "human", "parameter", "tools", "instructions"];

/// Elements that load, submit, frame or link something.
const REMOTE_ELEMENTS: &[&str] = &[
    "a", "img", "image", "iframe", "frame", "object", "embed", "applet", "link", "meta", "base",
    "form", "input", "button", "video", "audio", "source", "track", "style", "svg",
];

const SCHEMES: &[&str] = &["javascript:", "vbscript:", "data:text/html"];

const TURNS: &[&str] =
    &["human:", "assistant:", "system:", "### instruction:", "### response:", "### input:"];

/// Every literal to look for, in lower case.
pub(crate) fn patterns() -> impl Iterator<Item = (Cow<'static, str>, Marker)> {
    let literal = |marker: Marker| move |text: &&'static str| (Cow::Borrowed(*text), marker);
    let tag = |marker: Marker| {
        move |name: &&'static str| {
            ["<", "</"].map(|lead| (Cow::Owned(format!("{lead}{name}")), marker))
        }
    };
    let chat = Finding::ChatToken;
    CHAT_TOKENS
        .iter()
        .map(literal(Marker::Opening(chat)))
        .chain(CHAT_TAG_PREFIXES.iter().flat_map(tag(Marker::Opening(chat))))
        .chain(CHAT_TAGS.iter().flat_map(tag(Marker::Tag(chat))))
        .chain(["script"].iter().flat_map(tag(Marker::Opening(Finding::ActiveContent))))
        .chain(REMOTE_ELEMENTS.iter().flat_map(tag(Marker::Tag(Finding::RemoteContent))))
        .chain(
            crate::boundary::OPENINGS.iter().map(literal(Marker::Opening(Finding::BoundaryMarker))),
        )
        .chain(SCHEMES.iter().map(literal(Marker::Scheme)))
        .chain(TURNS.iter().map(literal(Marker::Turn)))
        .chain([("<|".into(), Marker::Pipe)])
}

impl Marker {
    /// The edit that makes the match inert, if it is one to make so.
    pub(crate) fn edit(self, hit: &Hit<'_>) -> Option<Edit> {
        match self {
            Self::Opening(finding) => Some(escape_first(hit, finding)),
            Self::Tag(finding) if name_ends(hit.after()) => Some(escape_first(hit, finding)),
            Self::Pipe if closes_token(hit.after()) => Some(escape_first(hit, Finding::ChatToken)),
            Self::Turn if opens_turn(hit) => replace_colon(hit, "\\:", Finding::TurnMarker),
            Self::Scheme => replace_colon(hit, " :", Finding::ActiveContent),
            _ => None,
        }
    }
}

fn escape_first(hit: &Hit<'_>, finding: Finding) -> Edit {
    let with = if hit.matched().starts_with('<') { "&lt;" } else { "&#91;" };
    Edit { range: hit.start..hit.start + 1, with, finding }
}

fn replace_colon(hit: &Hit<'_>, with: &'static str, finding: Finding) -> Option<Edit> {
    let colon = hit.start + hit.matched().find(':')?;
    Some(Edit { range: colon..colon + 1, with, finding })
}

fn name_ends(after: &str) -> bool {
    after.is_empty()
        || after.starts_with(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
}

/// The longest name of a special token that is taken for one.
const MAX_TOKEN: usize = 64;

fn closes_token(after: &str) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(byte);
    let length = after.bytes().take(MAX_TOKEN).take_while(is_name).count();
    length > 0 && after.get(length..).is_some_and(|rest| rest.starts_with("|>"))
}

/// A capital letter at the start of a line, which quotes and headings may indent.
///
/// `system:` in lower case is a key of half the world's YAML.
fn opens_turn(hit: &Hit<'_>) -> bool {
    let is_name = hit.matched().starts_with(|c: char| c == '#' || c.is_ascii_uppercase());
    let lead = hit.before().trim_end_matches([' ', '\t', '>', '*', '#']);
    is_name && (lead.is_empty() || lead.ends_with('\n'))
}
