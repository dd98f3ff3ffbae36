//! Resources of every kind: a text, bytes, a family, and one that is watched.

use mcp_chassis::{CallContext, Catalog, Resource, ResourceBody, ResourceSpec, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use validator::Validate;

use crate::{
    contents::PNG,
    server::{Conformance, SCOPES, SMALL},
};

macro_rules! resources {
    ($(
        $(#[doc = $doc:literal])+
        $type:ident { $($(#[$field_attribute:meta])* $field:ident: $field_type:ty),* }
        = $uri:literal, $name:literal, $media_type:literal
        => |$this:ident| $body:expr;
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Deserialize, JsonSchema, Validate)]
            pub(crate) struct $type { $($(#[$field_attribute])* $field: $field_type),* }

            impl Resource for $type {
                type Server = Conformance;

                const SPEC: ResourceSpec = ResourceSpec::at($uri, $name, $name)
                    .scopes(SCOPES)
                    .deadline_secs(5)
                    .output_budget(SMALL)
                    .own_text()
                    .media_type($media_type);

                async fn read(
                    self,
                    _server: &Conformance,
                    _context: &CallContext,
                ) -> Result<ResourceBody> {
                    let $this = &self;
                    Ok($body)
                }
            }
        )+

        /// Offers every resource of this file.
        pub(crate) fn register(catalog: &mut Catalog<Conformance>) {
            $(catalog.resource::<$type>();)+
        }
    };
}

resources! {
    /// A text that does not change.
    StaticText {} = "test://static-text", "static-text", "text/plain" => |_it| {
        ResourceBody::Text("This is the content of the static text resource.".to_owned())
    };

    /// A picture that does not change.
    StaticBinary {} = "test://static-binary", "static-binary", "image/png" => |_it| {
        ResourceBody::Bytes(PNG.to_vec())
    };

    /// A text that may be watched.
    Watched {} = "test://watched-resource", "watched-resource", "text/plain" => |_it| {
        ResourceBody::Text("Watched".to_owned())
    };

    /// What stands under an id.
    Template {
        /// The id
        #[validate(length(max = 100))]
        id: String
    } = "test://template/{id}/data", "template", "application/json" => |it| {
        let data = format!("Data for ID: {}", it.id);
        ResourceBody::Json(json!({ "id": it.id, "templateTest": true, "data": data }))
    };
}
