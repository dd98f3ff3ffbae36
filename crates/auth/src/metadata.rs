//! Protected-resource metadata: where a client gets a token for this server (RFC 9728 §2).

use serde::Serialize;
use url::Url;

use crate::ScopeSet;

/// The path under which the document lies, before the resource's own path (RFC 9728 §3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The document as it is served.
#[derive(Clone, Debug, Serialize)]
pub struct ProtectedResourceMetadata {
    /// The canonical URI of this server, the audience of its tokens.
    pub resource: String,
    /// Issuers whose tokens are accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_servers: Vec<String>,
    /// How a token is sent: in the header and no other way.
    pub bearer_methods_supported: [&'static str; 1],
    /// Every scope that some operation needs.
    pub scopes_supported: ScopeSet,
    /// A page for developers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_documentation: Option<String>,
}

impl ProtectedResourceMetadata {
    /// The metadata of `resource`, whose tokens come from `authorization_servers`.
    pub fn new(
        resource: impl Into<String>,
        authorization_servers: Vec<String>,
        scopes_supported: ScopeSet,
    ) -> Self {
        Self {
            resource: resource.into(),
            authorization_servers,
            bearer_methods_supported: ["header"],
            scopes_supported,
            resource_documentation: None,
        }
    }

    /// Where the document of `resource` lies: its path goes behind the well-known one (RFC 9728 §3.1).
    pub fn url(resource: &Url) -> Url {
        let mut url = resource.clone();
        let path = resource.path().trim_end_matches('/');
        url.set_path(&format!("{WELL_KNOWN}{path}"));
        url.set_fragment(None);
        url
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ProtectedResourceMetadata;

    #[test]
    fn the_document_says_where_tokens_come_from() {
        let metadata = ProtectedResourceMetadata::new(
            "https://mcp.example/mcp",
            vec!["https://issuer.example".to_owned()],
            "b a".parse().unwrap(),
        );
        assert_eq!(
            serde_json::to_value(metadata).unwrap(),
            json!({
                "resource": "https://mcp.example/mcp",
                "authorization_servers": ["https://issuer.example"],
                "bearer_methods_supported": ["header"],
                "scopes_supported": ["a", "b"],
            })
        );
    }

    #[test]
    fn the_path_of_the_resource_goes_behind_the_well_known_one() {
        for (resource, expected) in [
            ("https://a.example/mcp", "https://a.example/.well-known/oauth-protected-resource/mcp"),
            (
                "https://a.example:8443/",
                "https://a.example:8443/.well-known/oauth-protected-resource",
            ),
        ] {
            let url = ProtectedResourceMetadata::url(&resource.parse().unwrap());
            assert_eq!(url.as_str(), expected);
        }
    }
}
