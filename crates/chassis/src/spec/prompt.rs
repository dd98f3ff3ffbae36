//! What a prompt is called.

use super::{Draft, NeedsScopes, Spec, is_name};

/// The specification of a prompt.
pub type PromptSpec = Spec<PromptKind>;

/// The part of a specification that only prompts have.
#[derive(Clone, Copy, Debug)]
pub struct PromptKind {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) asks: bool,
}

impl PromptSpec {
    /// A prompt named `name`; `title` is what a person reads.
    ///
    /// # Panics
    /// When it is compiled, if the name is not one.
    pub const fn named(name: &'static str, title: &'static str) -> Draft<PromptKind, NeedsScopes> {
        assert!(is_name(name), "a prompt's name is 1 to 64 of a-z, 0-9, `_` and `-`");
        Draft::new(PromptKind { name, title, asks: false })
    }

    /// Declares that rendering it may ask the client, by [`crate::CallContext::ask`].
    #[must_use]
    pub const fn asks(self) -> Self {
        Self { kind: PromptKind { asks: true, ..self.kind }, ..self }
    }

    /// The prompt's name in the protocol.
    pub fn name(&self) -> &'static str {
        self.kind.name
    }
}
