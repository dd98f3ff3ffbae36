//! The parameters of a request, each at most once, and the store that remembers a few things for a while.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::Refusal;

/// A form or a query (RFC 6749 §3.1: a parameter is sent once; an empty one counts as not sent).
#[derive(Debug)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub(super) fn parse(encoded: &[u8]) -> Result<Self, Refusal> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded).filter(|(_, value)| !value.is_empty())
        {
            if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::invalid_request("a parameter is there twice"));
            }
        }
        Ok(Self(parameters))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn require(&self, name: &str, missing: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or(Refusal::invalid_request(missing))
    }

    /// What the token is for (RFC 8707 §2): an absolute URI without a fragment.
    pub(super) fn resource(&self) -> Result<String, Refusal> {
        let invalid = |reason| Refusal::new("invalid_target", reason);
        let resource =
            self.get("resource").ok_or(invalid("`resource` is missing: the server's URL"))?;
        let is_absolute = Url::parse(resource).is_ok_and(|url| url.fragment().is_none());
        if is_absolute {
            Ok(resource.to_owned())
        } else {
            Err(invalid("`resource` is no absolute URL"))
        }
    }

    /// The scopes that are asked for, each a token of RFC 6749 §3.3.
    pub(super) fn scope(&self) -> Result<String, Refusal> {
        let scope = self.get("scope").unwrap_or_default();
        let is_scope = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        if scope.split(' ').all(|it| it.chars().all(is_scope)) {
            Ok(scope.to_owned())
        } else {
            Err(Refusal::new("invalid_scope", "`scope` is no list of names separated by spaces"))
        }
    }
}

/// Values under unguessable names, each taken once, each for a while; the number is bounded.
pub(super) struct Once<T>(Mutex<HashMap<String, (Instant, T)>>);

impl<T> Once<T> {
    /// More are not open at once in any use that this issuer is for.
    const MOST: usize = 1_000;

    /// Keeps a value for that time; the name it can be taken by.
    pub(super) fn put(&self, value: T, lifetime: Duration) -> Result<String, Refusal> {
        let mut entries = self.entries();
        let now = Instant::now();
        entries.retain(|_, (until, _)| *until > now);
        if entries.len() >= Self::MOST {
            return Err(Refusal::new(
                "temporarily_unavailable",
                "too much is open; restart the issuer",
            ));
        }
        let name = Uuid::new_v4().simple().to_string();
        entries.insert(name.clone(), (now + lifetime, value));
        Ok(name)
    }

    /// The value, if it is there and its time is not over. A second call finds nothing.
    pub(super) fn take(&self, name: &str) -> Option<T> {
        let (until, value) = self.entries().remove(name)?;
        (until > Instant::now()).then_some(value)
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, (Instant, T)>> {
        // No operation leaves the map half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("len", &self.entries().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_sent_once_and_an_empty_one_not_at_all() {
        assert!(Parameters::parse(b"a=1&a=2").is_err());
        let parameters = Parameters::parse(b"a=1&b=&c=x%20y").unwrap();
        assert_eq!((parameters.get("a"), parameters.get("b")), (Some("1"), None));
        assert_eq!(parameters.get("c"), Some("x y"));
    }

    #[test]
    fn a_resource_is_an_absolute_url_without_a_fragment() {
        let resource = |form: &str| Parameters::parse(form.as_bytes()).unwrap().resource();
        assert_eq!(
            resource("resource=http://127.0.0.1:8080/mcp").unwrap(),
            "http://127.0.0.1:8080/mcp"
        );
        for bad in ["", "resource=mcp", "resource=http://a/%23b"] {
            assert_eq!(resource(bad).unwrap_err().code, "invalid_target", "{bad}");
        }
    }

    #[test]
    fn a_value_is_taken_once_and_in_time() {
        let once = Once::default();
        let name = once.put(7, Duration::from_mins(1)).unwrap();
        assert_eq!((once.take(&name), once.take(&name)), (Some(7), None));
        let name = once.put(8, Duration::ZERO).unwrap();
        assert_eq!(once.take(&name), None);
    }

    #[test]
    fn what_is_open_is_bounded() {
        let once = Once::default();
        for number in 0..Once::<usize>::MOST {
            once.put(number, Duration::from_mins(1)).unwrap();
        }
        assert!(once.put(0, Duration::from_mins(1)).is_err());
    }
}
