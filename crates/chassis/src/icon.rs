//! Pictures that clients show beside names: small SVGs within the message, so that nobody has to fetch or trust an address.

use rmcp::model::Icon as IconDefinition;

use crate::SideEffect;

/// A picture of a server: an SVG without scripts or addresses, of at most a kilobyte, that does without a background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icon(&'static str);

impl Icon {
    const MAX_BYTES: usize = 1_024;

    /// The picture of an SVG file: `Icon::svg(include_str!("../icon.svg"))`.
    ///
    /// # Panics
    /// When it is compiled, if the file is over a kilobyte.
    pub const fn svg(text: &'static str) -> Self {
        assert!(text.len() <= Self::MAX_BYTES, "an icon is an SVG of at most a kilobyte");
        Self(text)
    }

    /// As the protocol has it.
    pub(crate) fn definition(self) -> IconDefinition {
        IconDefinition::new(format!("data:image/svg+xml,{}", encoded(self.0.trim())))
            .with_mime_type("image/svg+xml")
            .with_sizes(vec!["any".to_owned()])
    }
}

/// The picture of a tool, after what it does to the world.
pub(crate) fn of_tool(effect: SideEffect) -> Vec<IconDefinition> {
    let icon = match effect {
        SideEffect::Read => Icon::svg(include_str!("icons/read.svg")),
        SideEffect::Write => Icon::svg(include_str!("icons/write.svg")),
        SideEffect::Destructive => Icon::svg(include_str!("icons/destructive.svg")),
    };
    vec![icon.definition()]
}

/// The picture of a resource, or of a family of them.
pub(crate) fn of_resource() -> Vec<IconDefinition> {
    vec![Icon::svg(include_str!("icons/resource.svg")).definition()]
}

/// The picture of a prompt.
pub(crate) fn of_prompt() -> Vec<IconDefinition> {
    vec![Icon::svg(include_str!("icons/prompt.svg")).definition()]
}

/// A text as it may stand in an address (RFC 3986). Shorter than base64 for what has few characters to escape.
fn encoded(text: &str) -> String {
    const PLAIN: &[u8] = b"-._~!$&'()*+,;=:@/?";
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
            encoded.extend(
                ['%', digit(byte >> 4), digit(byte & 15)].map(|it| it.to_ascii_uppercase()),
            );
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_every_list_is_small_and_holds_no_address_to_fetch() {
        let tools = [SideEffect::Read, SideEffect::Write, SideEffect::Destructive].map(of_tool);
        for icon in tools.into_iter().chain([of_resource(), of_prompt()]).flatten() {
            assert!(icon.src.starts_with("data:image/svg+xml,%3Csvg"), "{}", icon.src);
            assert!(icon.src.len() <= 300, "{}: {}", icon.src.len(), icon.src);
            assert!(icon.src.is_ascii() && !icon.src.contains([' ', '"', '#', '<', '>']));
            assert!(!icon.src.contains("href") && !icon.src.contains("script"), "{}", icon.src);
        }
    }
}
