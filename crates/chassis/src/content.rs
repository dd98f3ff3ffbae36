//! Content that is not structured: pictures, sounds, texts of other media types.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mcp_errors::{Error, ErrorKind, Result};
use mcp_sanitize::Budget;
use rmcp::model::{AudioContent, ContentBlock, ResourceContents};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ToolOutput;

/// The most that the pictures and sounds of one answer take, in bytes of base64. A model does not read them as text, so the
/// output budget of an operation is not their measure.
const MAX_MEDIA: usize = 4 << 20;

/// One block of content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Plain text.
    Text(String),
    /// A picture.
    Image(Media),
    /// A sound.
    Audio(Media),
    /// A text that has an address and a media type of its own.
    Resource(Embedded),
}

/// Bytes of a media type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Media {
    /// In base64, as the protocol carries it.
    data: String,
    media_type: String,
}

/// A text with its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Embedded {
    /// Where it stands.
    pub uri: String,
    /// What kind of text it is.
    pub media_type: String,
    /// The text.
    pub text: String,
}

/// The answer of a tool that has no structure to describe, such as a drawing: blocks, and no output schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unstructured(pub Vec<Block>);

impl ToolOutput for Unstructured {
    const STRUCTURED: bool = false;

    fn take_blocks(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.0)
    }
}

impl Media {
    /// `bytes` of a media type, such as `image/png`.
    pub fn new(bytes: &[u8], media_type: impl Into<String>) -> Self {
        Self { data: STANDARD.encode(bytes), media_type: media_type.into() }
    }
}

impl Block {
    /// The text of the block that somebody else may have written.
    pub(crate) fn text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Text(text) | Self::Resource(Embedded { text, .. }) => Some(text),
            Self::Image(_) | Self::Audio(_) => None,
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Resource(Embedded { text, .. }) => text,
            Self::Image(_) | Self::Audio(_) => "",
        }
    }

    fn media_bytes(&self) -> usize {
        match self {
            Self::Image(media) | Self::Audio(media) => media.data.len(),
            Self::Text(_) | Self::Resource(_) => 0,
        }
    }

    pub(crate) fn into_content(self) -> ContentBlock {
        match self {
            Self::Text(text) => ContentBlock::text(text),
            Self::Image(media) => ContentBlock::image(media.data, media.media_type),
            Self::Audio(media) => {
                ContentBlock::Audio(AudioContent::new(media.data, media.media_type))
            }
            Self::Resource(Embedded { uri, media_type, text }) => {
                ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(media_type))
            }
        }
    }
}

/// How much text stands in `blocks`, in bytes.
pub(crate) fn text_bytes<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> usize {
    blocks.into_iter().map(|block| block.text().len()).sum()
}

/// Refuses blocks with more text than `budget`, or more of anything else than an answer may have.
pub(crate) fn within<'a>(
    blocks: impl IntoIterator<Item = &'a Block> + Clone,
    budget: Budget,
) -> Result<()> {
    let media: usize = blocks.clone().into_iter().map(Block::media_bytes).sum();
    if text_bytes(blocks) > budget.bytes() || media > MAX_MEDIA { Err(too_large()) } else { Ok(()) }
}

/// `bytes` of a resource as the protocol carries them.
///
/// # Errors
/// When they are more than an answer may have.
pub(crate) fn encoded(bytes: &[u8]) -> Result<String> {
    let data = STANDARD.encode(bytes);
    if data.len() > MAX_MEDIA { Err(too_large()) } else { Ok(data) }
}

pub(crate) fn too_large() -> Error {
    let kind = ErrorKind::InvalidInput { fields: Vec::new() };
    Error::new(kind, "the answer is over its output budget, ask for less at a time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_pictures_are_measured_apart() {
        let picture = Block::Image(Media::new(&[0; 3_000], "image/png"));
        let blocks = [Block::Text("four".to_owned()), picture];
        assert!(within(&blocks, Budget::of_bytes(4)).is_ok());
        assert!(within(&blocks, Budget::of_bytes(3)).is_err());
        let huge = [Block::Audio(Media::new(&vec![0; MAX_MEDIA], "audio/wav"))];
        assert!(within(&huge, Budget::of_bytes(4)).is_err());
        assert!(encoded(&vec![0; MAX_MEDIA]).is_err());
    }
}
