//! Addresses within GitHub's API, in which nothing can leave its place.

use std::fmt::{self, Write};

use url::form_urlencoded::Serializer;

/// A path and its query.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    path: String,
    query: String,
}

impl Route {
    /// The path of these segments.
    pub(crate) fn new(segments: &[&str]) -> Self {
        let start = Self { path: String::new(), query: String::new() };
        segments.iter().fold(start, |route, segment| route.then(segment))
    }

    /// One segment more.
    pub(crate) fn then(mut self, segment: &str) -> Self {
        self.path.push('/');
        for byte in segment.bytes() {
            // RFC 3986 §2.3; whatever else there is, a slash too, stays within the segment.
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.path.push(char::from(byte));
            } else {
                // Writing to a string does not fail.
                write!(self.path, "%{byte:02X}").unwrap_or_default();
            }
        }
        self
    }

    /// One parameter more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.query = Serializer::new(self.query).append_pair(name, value).finish();
        self
    }

    /// One parameter more, where there is a value.
    pub(crate) fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.query.is_empty() { Ok(()) } else { write!(f, "?{}", self.query) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_stays_in_its_segment_and_in_its_parameter() {
        let route = Route::new(&["repos", "a/../b", "x?y#z", "%2e"]).with("q", "a&b=c#d é+");
        assert_eq!(
            route.to_string(),
            "/repos/a%2F..%2Fb/x%3Fy%23z/%252e?q=a%26b%3Dc%23d+%C3%A9%2B"
        );
        let route = Route::new(&["user"]).with_some("x", None).with_some("y", Some("1"));
        assert_eq!(route.to_string(), "/user?y=1");
    }
}
