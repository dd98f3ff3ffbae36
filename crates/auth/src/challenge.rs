//! The words of a refusal: `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1).

use crate::{AuthError, ScopeSet};

/// Writes the challenges of one protected resource.
#[derive(Clone, Debug)]
pub struct Challenge {
    resource_metadata: String,
}

impl Challenge {
    /// Challenges that point at the metadata document at this URL.
    pub fn new(resource_metadata: impl Into<String>) -> Self {
        Self { resource_metadata: resource_metadata.into() }
    }

    /// For a 401: where to get a token, for which scopes, and what is wrong with the one sent.
    pub fn unauthorized(&self, error: &AuthError, scopes: &ScopeSet) -> String {
        let mut text = parameter("Bearer ", "resource_metadata", &self.resource_metadata);
        if !scopes.is_empty() {
            text += &parameter(", ", "scope", &scopes.to_string());
        }
        // RFC 6750 §3.1: a request without credentials is told no error code.
        if !matches!(error, AuthError::Missing) {
            text += &parameter(", ", "error", "invalid_token");
            text += &parameter(", ", "error_description", &error.to_string());
        }
        text
    }

    /// For a 403: every scope that the operation needs, held or not.
    pub fn insufficient_scope(&self, needed: &ScopeSet) -> String {
        let mut text = parameter("Bearer ", "error", "insufficient_scope");
        text += &parameter(", ", "scope", &needed.to_string());
        text += &parameter(", ", "resource_metadata", &self.resource_metadata);
        text
    }
}

/// `name="value"` as RFC 9110 §5.6.4 quotes it, behind `before`; what no header may hold is left out.
fn parameter(before: &str, name: &str, value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for letter in value.chars().filter(|letter| *letter == ' ' || letter.is_ascii_graphic()) {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    format!("{before}{name}=\"{quoted}\"")
}

#[cfg(test)]
mod tests {
    use super::Challenge;
    use crate::{AuthError, ScopeSet};

    fn challenge() -> Challenge {
        Challenge::new("https://mcp.example/.well-known/oauth-protected-resource/mcp")
    }

    fn scopes(list: &str) -> ScopeSet {
        list.parse().unwrap()
    }

    #[test]
    fn without_a_credential_the_challenge_names_no_error() {
        assert_eq!(
            challenge().unauthorized(&AuthError::Missing, &scopes("b a")),
            "Bearer \
             resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource/mcp\", \
             scope=\"a b\""
        );
    }

    #[test]
    fn a_refused_token_is_an_invalid_token() {
        let text = challenge().unauthorized(&AuthError::Expired, &ScopeSet::default());
        assert_eq!(
            text,
            "Bearer \
             resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource/mcp\", \
             error=\"invalid_token\", \
             error_description=\"the credential has expired, get a new one\""
        );
    }

    #[test]
    fn a_missing_scope_names_every_scope_needed() {
        let text = challenge().insufficient_scope(&scopes("tickets:read tickets:write"));
        assert!(text.starts_with(
            "Bearer error=\"insufficient_scope\", scope=\"tickets:read tickets:write\", resource"
        ));
    }

    #[test]
    fn no_value_breaks_out_of_its_quotes_or_its_line() {
        let challenge = Challenge::new("https://x/\", error=\"\\\r\nX-Admin: 1\u{e9}");
        assert_eq!(
            challenge.insufficient_scope(&scopes("a")),
            "Bearer error=\"insufficient_scope\", scope=\"a\", \
             resource_metadata=\"https://x/\\\", error=\\\"\\\\X-Admin: 1\""
        );
    }
}
