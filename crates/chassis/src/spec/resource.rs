//! Where a resource stands.

use super::{Draft, NeedsScopes, Spec};

/// The specification of a resource, or of a family of them under a URI template.
pub type ResourceSpec = Spec<ResourceKind>;

/// The part of a specification that only resources have.
#[derive(Clone, Copy, Debug)]
pub struct ResourceKind {
    pub(crate) uri: &'static str,
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) listed: bool,
}

impl ResourceSpec {
    /// A resource at `uri`: one address, or an RFC 6570 template (`ticket://{id}`, `{+path}` for the rest).
    pub const fn at(
        uri: &'static str,
        name: &'static str,
        title: &'static str,
    ) -> Draft<ResourceKind, NeedsScopes> {
        Draft::new(ResourceKind { uri, name, title, media_type: "application/json", listed: false })
    }

    /// The media type of the text; `application/json` unless stated.
    #[must_use]
    pub const fn media_type(self, media_type: &'static str) -> Self {
        Self { kind: ResourceKind { media_type, ..self.kind }, ..self }
    }

    /// Declares that what stands under the template can be listed, by [`crate::Resource::list`].
    #[must_use]
    pub const fn listed(self) -> Self {
        Self { kind: ResourceKind { listed: true, ..self.kind }, ..self }
    }

    /// The address or template.
    pub fn uri(&self) -> &'static str {
        self.kind.uri
    }
}
