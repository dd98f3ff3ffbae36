//! Matching a resource's address against its template (RFC 6570, levels 1 and 2).

use rmcp::model::JsonObject;
use serde_json::Value;

/// The longest address that is looked at, in bytes.
const MAX_URI: usize = 2_048;

/// A parsed template: `ticket://{id}`, `repo://{owner}/{repo}/contents/{+path}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UriTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(&'static str),
    /// `{name}` stops at a slash, `{+name}` takes slashes too.
    Variable {
        name: &'static str,
        slashes: bool,
    },
}

impl UriTemplate {
    pub(crate) fn parse(template: &'static str) -> Self {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((literal, tail)) = rest.split_once('{') {
            let (variable, after) = tail.split_once('}').unwrap_or((tail, ""));
            if !literal.is_empty() {
                parts.push(Part::Literal(literal));
            }
            parts.push(match variable.strip_prefix('+') {
                Some(name) => Part::Variable { name, slashes: true },
                None => Part::Variable { name: variable, slashes: false },
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest));
        }
        Self { parts }
    }

    /// Whether there is exactly one address, with nothing to fill in.
    pub(crate) fn is_fixed(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Variable { .. }))
    }

    /// The variables of `uri`, percent-decoded; `None` when it does not stand under this template.
    pub(crate) fn variables(&self, uri: &str) -> Option<JsonObject> {
        if uri.len() > MAX_URI {
            return None;
        }
        let mut found = JsonObject::new();
        let mut rest = uri;
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal)?,
                Part::Variable { name, slashes } => {
                    let (value, after) = match parts.peek() {
                        // The shortest match up to the next literal; templates put one between variables.
                        Some(Part::Literal(next)) => rest.split_at_checked(rest.find(next)?)?,
                        _ => (rest, ""),
                    };
                    if value.is_empty() || (!slashes && value.contains('/')) {
                        return None;
                    }
                    found.insert((*name).to_owned(), Value::String(percent_decode(value)?));
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(found)
    }
}

/// Decodes `%XX`; `None` where that is malformed or not UTF-8.
fn percent_decode(value: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?].map(char::from);
            let [high, low] = digits.map(|digit| digit.to_digit(16));
            decoded.push(u8::try_from(high? * 16 + low?).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::UriTemplate;

    fn variables(template: &'static str, uri: &str) -> Option<Value> {
        UriTemplate::parse(template).variables(uri).map(Value::Object)
    }

    #[test]
    fn variables_are_taken_from_their_places() {
        assert_eq!(variables("ticket://{id}", "ticket://T-1"), Some(json!({ "id": "T-1" })));
        assert_eq!(
            variables("repo://{owner}/{repo}/contents/{+path}", "repo://a/b/contents/src/x%20y.rs"),
            Some(json!({ "owner": "a", "repo": "b", "path": "src/x y.rs" }))
        );
    }

    #[test]
    fn what_does_not_stand_under_the_template_is_not_matched() {
        for uri in
            ["ticket://", "ticket://a/b", "tickets://T-1", "ticket://%zz", "ticket://%ff", ""]
        {
            assert_eq!(variables("ticket://{id}", uri), None, "{uri}");
        }
        assert_eq!(variables("ticket://{id}", &format!("ticket://{}", "9".repeat(5_000))), None);
    }

    #[test]
    fn a_template_without_variables_is_one_address() {
        assert!(UriTemplate::parse("docs://api-reference").is_fixed());
        assert_eq!(variables("docs://api-reference", "docs://api-reference"), Some(json!({})));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_is_taken_apart_or_refused(uri in any::<String>()) {
            for template in ["ticket://{id}", "repo://{owner}/{repo}/contents/{+path}", "{+all}"] {
                let template = UriTemplate::parse(template);
                for value in template.variables(&uri).into_iter().flatten().map(|(_, value)| value) {
                    prop_assert!(value.as_str().is_some_and(|it| !it.is_empty()));
                }
            }
        }

        #[test]
        fn a_variable_comes_back_as_it_was_encoded(value in "\\PC{1,50}") {
            let encode = |byte: u8| format!("%{byte:02X}");
            let encoded: String = value.bytes().map(encode).collect();
            let found = variables("ticket://{id}/history", &format!("ticket://{encoded}/history"));
            prop_assert_eq!(found, Some(json!({ "id": value })));
        }
    }
}
