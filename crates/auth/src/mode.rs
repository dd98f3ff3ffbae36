//! Which ways of authentication a deployment accepts.

use std::{fmt, str::FromStr};

use crate::ConfigError;

/// The ways that are accepted; [`AuthMode::NONE`] lets everybody in as one principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthMode {
    /// API keys.
    pub api_key: bool,
    /// Tokens of an OAuth authorization server: JWT or introspected.
    pub oauth: bool,
    /// Client certificates.
    pub mtls: bool,
}

impl AuthMode {
    /// No authentication: every caller is the principal `anonymous`.
    pub const NONE: Self = Self { api_key: false, oauth: false, mtls: false };

    /// Whether callers need no credential.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

impl FromStr for AuthMode {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "none" {
            return Ok(Self::NONE);
        }
        let mut mode = Self::NONE;
        for way in text.split('+') {
            match way.trim() {
                "api-key" => mode.api_key = true,
                "oauth" => mode.oauth = true,
                "mtls" => mode.mtls = true,
                _ => return Err(ConfigError::Mode),
            }
        }
        Ok(mode)
    }
}

impl fmt::Display for AuthMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        let ways = [(self.oauth, "oauth"), (self.api_key, "api-key"), (self.mtls, "mtls")];
        let accepted = ways.into_iter().filter(|(accepted, _)| *accepted);
        for (position, (_, way)) in accepted.enumerate() {
            let separator = if position == 0 { "" } else { "+" };
            write!(f, "{separator}{way}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::AuthMode;

    #[test]
    fn ways_combine_in_any_order() {
        for (text, shown) in [
            ("none", "none"),
            ("api-key", "api-key"),
            ("api-key+oauth", "oauth+api-key"),
            ("mtls + oauth", "oauth+mtls"),
        ] {
            assert_eq!(text.parse::<AuthMode>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn none_excludes_the_others_and_unknown_ways_are_named() {
        for text in ["", "none+oauth", "oauth+none", "oauth+", "basic", "OAuth"] {
            let error = text.parse::<AuthMode>().unwrap_err().to_string();
            assert!(error.contains("`oauth+api-key`"), "{text}: {error}");
        }
    }
}
