//! API keys: kept as SHA-256, each with its owner, scopes and expiry.

mod review;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::{BuildHasher, RandomState},
};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::{
    AuthError, ConfigError, Fingerprint, Principal, ScopeSet,
    credential::{Credential, is_b64token},
    digest::Digest,
    principal::{Evidence, Method, Subject},
};

pub use review::is_guessable;

/// What stands for the issuer of a key's owner.
const ISSUER: &str = "api-key";
/// Largest key file, in bytes: room for a hundred thousand keys.
const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;
/// Shortest plain key, in characters.
const MIN_PLAIN_CHARS: usize = 16;
/// Longest name of an owner, in bytes.
const MAX_OWNER_BYTES: usize = 256;

/// The keys that are valid now: several an owner while one is being rotated.
///
/// The digests lie in buckets chosen by a keyed hash, so that a look-up costs the same with ten keys and with
/// a hundred thousand; within its bucket, every digest is compared in constant time.
#[derive(Default)]
pub struct ApiKeys {
    buckets: HashMap<u64, Vec<ApiKey>>,
    hasher: RandomState,
    /// Of every key, for those that are in use already.
    fingerprints: HashSet<Fingerprint>,
}

struct ApiKey {
    digest: Digest,
    principal: Principal,
}

impl ApiKeys {
    /// Reads the key file: TOML with `[[key]] owner, sha256, scopes, expires_at?`.
    ///
    /// `scopes` is a list or one string with spaces, `expires_at` an RFC 3339 time with its offset.
    ///
    /// # Errors
    ///
    /// Names the entry and the field at fault, never a hash.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        if text.len() > MAX_FILE_BYTES {
            return Err(ConfigError::TooLarge { most: MAX_FILE_BYTES });
        }
        // The parser's own rendering would quote the line, and with it the hash.
        let file: KeyFile = toml::from_str(text)
            .map_err(|error| ConfigError::ApiKeyFile { problem: describe(text, &error) })?;
        let mut keys = Self::default();
        for (position, entry) in file.key.into_iter().enumerate() {
            let fault =
                move |(field, problem)| ConfigError::ApiKey { entry: position + 1, field, problem };
            keys.insert(entry.read().map_err(fault)?).map_err(fault)?;
        }
        Ok(keys)
    }

    /// Reads plain keys separated by commas; each has `read_scopes`, and `key=scope scope` adds to them.
    ///
    /// # Errors
    ///
    /// Names the position of the key at fault, never the key.
    pub fn from_plain(list: &SecretString, read_scopes: &ScopeSet) -> Result<Self, ConfigError> {
        let mut keys = Self::default();
        let entries = list.expose_secret().split(',').map(str::trim);
        for (position, entry) in entries.enumerate().filter(|(_, entry)| !entry.is_empty()) {
            let fault =
                move |(field, problem)| ConfigError::ApiKey { entry: position + 1, field, problem };
            keys.insert(plain_key(entry, read_scopes).map_err(fault)?).map_err(fault)?;
        }
        Ok(keys)
    }

    /// Adds the keys of another source.
    ///
    /// # Errors
    ///
    /// When both have the same key: its scopes would be uncertain.
    pub fn merge(mut self, other: Self) -> Result<Self, ConfigError> {
        for key in other.buckets.into_values().flatten() {
            self.insert(key).map_err(|_| ConfigError::ApiKeyTwice)?;
        }
        Ok(self)
    }

    /// How many keys there are, the expired ones included.
    pub fn len(&self) -> usize {
        self.buckets.values().map(Vec::len).sum()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The owner of `credential`, if it is one of the keys.
    pub(crate) fn find(
        &self,
        credential: &Credential,
        now: DateTime<Utc>,
    ) -> Option<Result<Principal, AuthError>> {
        let digest = credential.digest();
        let principal = self.get(&digest)?.principal.clone();
        let expired = principal.expires_at().is_some_and(|expires_at| expires_at <= now);
        Some(if expired { Err(AuthError::Expired) } else { Ok(principal) })
    }

    /// Whether a key that was found before is still among them.
    pub(crate) fn holds(&self, principal: &Principal) -> bool {
        principal.fingerprint().is_some_and(|key| self.fingerprints.contains(&key))
    }

    /// The key of that digest; looks at every one of the bucket, found or not.
    fn get(&self, digest: &Digest) -> Option<&ApiKey> {
        let bucket = self.buckets.get(&self.hasher.hash_one(digest))?;
        bucket.iter().fold(None, |found, key| {
            if bool::from(key.digest.ct_eq(digest)) { Some(key) } else { found }
        })
    }

    fn insert(&mut self, key: ApiKey) -> Result<(), Fault> {
        if self.get(&key.digest).is_some() {
            return Err(("sha256", "is the key of an earlier entry"));
        }
        let bucket = self.hasher.hash_one(key.digest);
        self.fingerprints.insert(key.digest.fingerprint());
        self.buckets.entry(bucket).or_default().push(key);
        Ok(())
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The field at fault and what would be accepted.
type Fault = (&'static str, &'static str);

impl ApiKey {
    fn new(
        digest: Digest,
        owner: String,
        scopes: ScopeSet,
        expires_at: Option<DateTime<Utc>>,
    ) -> Self {
        let fingerprint = Some(digest.fingerprint());
        let evidence = Evidence { scopes, fingerprint, expires_at, ..Evidence::default() };
        let principal = Principal::new(Method::ApiKey, ISSUER, Subject::User(owner), evidence);
        Self { digest, principal }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    key: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    owner: String,
    sha256: String,
    scopes: OneOrMany,
    expires_at: Option<Time>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Toml(toml::value::Datetime),
    Text(String),
}

impl KeyEntry {
    fn read(self) -> Result<ApiKey, Fault> {
        if !is_owner(&self.owner) {
            return Err(("owner", "must be 1 to 256 bytes without control characters"));
        }
        let digest =
            Digest::from_hex(&self.sha256).ok_or(("sha256", "must be 64 hexadecimal digits"))?;
        let scopes = match self.scopes {
            OneOrMany::One(list) => list.parse(),
            OneOrMany::Many(list) => list.iter().map(|scope| scope.parse()).collect(),
        };
        let scopes = scopes.map_err(|_| ("scopes", "must be a list of scopes"))?;
        let expires_at = self.expires_at.map(Time::read).transpose()?;
        Ok(ApiKey::new(digest, self.owner, scopes, expires_at))
    }
}

impl Time {
    fn read(self) -> Result<DateTime<Utc>, Fault> {
        let text = match self {
            Self::Toml(time) => time.to_string(),
            Self::Text(text) => text,
        };
        DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()).map_err(|_| {
            ("expires_at", "must be a time with its offset, like 2027-01-31T00:00:00Z")
        })
    }
}

fn is_owner(name: &str) -> bool {
    (1..=MAX_OWNER_BYTES).contains(&name.len())
        && name.trim() == name
        && !name.chars().any(char::is_control)
}

/// Splits `key=scope scope`; a key of base64 may itself end in `=`.
fn plain_key(entry: &str, read_scopes: &ScopeSet) -> Result<ApiKey, Fault> {
    let body = entry.split('=').next().unwrap_or(entry);
    let (_, tail) = entry.split_at(body.len());
    let scopes = tail.trim_start_matches('=');
    let padding = tail.len() - scopes.len();
    let separator = usize::from(!scopes.is_empty());
    let (key, _) = entry.split_at(body.len() + padding.saturating_sub(separator));

    if body.len() < MIN_PLAIN_CHARS {
        return Err(("key", "must have at least 16 characters"));
    }
    if !is_b64token(key.as_bytes()) {
        return Err(("key", "may have letters, digits and `-._~+/` only"));
    }
    let widened: ScopeSet =
        scopes.parse().map_err(|_| ("scopes", "must be scopes separated by spaces"))?;
    let digest = Digest::of(key.as_bytes());
    let owner = format!("key-{}", digest.fingerprint());
    Ok(ApiKey::new(digest, owner, read_scopes.union(&widened), None))
}

/// The fault's line and kind, without the text of the line.
fn describe(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let entry = before.matches("[[key]]").count();
    let known = ["unknown field", "missing field", "invalid type", "duplicate key"];
    let kind = known.into_iter().find(|kind| error.message().starts_with(kind));
    let field = ["owner", "sha256", "scopes", "expires_at"]
        .into_iter()
        .find(|field| error.message().starts_with(&format!("missing field `{field}`")));
    let kind = kind.unwrap_or("it is no valid TOML");
    match field {
        Some(field) => format!("line {line}, key {entry}: {kind} `{field}`"),
        None => format!("line {line}, key {entry}: {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use sha2::{Digest as _, Sha256};

    use super::ApiKeys;
    use crate::{AuthError, Credential, Principal, ScopeSet};

    fn hash(key: &str) -> String {
        hex::encode(Sha256::digest(key))
    }

    fn scopes(list: &str) -> ScopeSet {
        list.parse().unwrap()
    }

    fn find(keys: &ApiKeys, key: &str) -> Option<Result<Principal, AuthError>> {
        let credential = Credential::from_headers([], [key.as_bytes()]).unwrap();
        keys.find(&credential, now())
    }

    fn now() -> DateTime<Utc> {
        "2026-06-01T00:00:00Z".parse().unwrap()
    }

    fn plain(list: &str) -> Result<ApiKeys, crate::ConfigError> {
        ApiKeys::from_plain(&list.into(), &scopes("tickets:read"))
    }

    #[test]
    fn two_keys_of_one_owner_are_valid_during_a_rotation() {
        let file = format!(
            "[[key]]\nowner = 'ci'\nsha256 = '{}'\nscopes = ['a', 'b']\n\
             [[key]]\nowner = 'ci'\nsha256 = '{}'\nscopes = 'a b'\nexpires_at = 2026-07-01T00:00:00Z",
            hash("old-key-of-the-ci"),
            hash("new-key-of-the-ci"),
        );
        let keys = ApiKeys::from_toml(&file).unwrap();
        let old = find(&keys, "old-key-of-the-ci").unwrap().unwrap();
        let new = find(&keys, "new-key-of-the-ci").unwrap().unwrap();
        assert_eq!(old, new);
        assert_eq!((old.issuer(), old.subject()), ("api-key", "ci"));
        assert_eq!(new.scopes().to_string(), "a b");
        assert!(find(&keys, "another-key").is_none());
    }

    #[test]
    fn an_expired_key_is_told_apart_from_an_unknown_one() {
        for time in ["2026-06-01T00:00:00Z", "'2026-06-01T02:00:00+02:00'"] {
            let hash = hash("key");
            let file = format!(
                "[[key]]\nowner = 'ci'\nsha256 = '{hash}'\nscopes = []\nexpires_at = {time}"
            );
            let keys = ApiKeys::from_toml(&file).unwrap();
            assert_eq!(find(&keys, "key").unwrap().unwrap_err(), AuthError::Expired);
        }
    }

    #[test]
    fn a_fault_names_entry_and_field_and_never_the_hash() {
        let hash = hash("key");
        let good = format!("[[key]]\nowner = 'ci'\nsha256 = '{hash}'\nscopes = []\n");
        for (entry, expected) in [
            (format!("owner = 'ci'\nsha256 = '{hash}0'\nscopes = []"), "key 2: `sha256`"),
            (format!("owner = 'ci'\nsha256 = '{hash}'\nscopes = []"), "key 2: `sha256`"),
            (format!("owner = ''\nsha256 = '{hash}'\nscopes = []"), "key 2: `owner`"),
            (
                format!("owner = 'a\\u0000'\nsha256 = \"{hash}\"\nscopes = ['\"']"),
                "key 2: `scopes`",
            ),
            (format!("owner = 'ci'\nsha256 = '{hash}'\nscopes = ['a b']"), "key 2: `scopes`"),
            (
                format!("owner = 'ci'\nsha256 = '{hash}'\nscopes = []\nexpires_at = 2026-01-01"),
                "key 2: `expires_at`",
            ),
            (format!("owner = 'ci'\nsha256 = '{hash}'"), "missing field `scopes`"),
            (
                format!("owner = 'ci'\nsha256 = '{hash}'\nscopes = []\nadmin = true"),
                "unknown field",
            ),
            (format!("owner = 'ci'\n{hash}"), "key 2: it is no valid TOML"),
        ] {
            let error = ApiKeys::from_toml(&format!("{good}[[key]]\n{entry}")).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains(hash.get(..12).unwrap()), "{shown}");
        }
    }

    #[test]
    fn an_oversized_file_is_refused_before_it_is_parsed() {
        assert!(ApiKeys::from_toml(&" ".repeat(16 * 1024 * 1024 + 1)).is_err());
    }

    #[test]
    fn a_plain_key_reads_and_may_be_widened() {
        let keys = plain("0123456789abcdef, fedcba9876543210=tickets:write admin\n").unwrap();
        let reader = find(&keys, "0123456789abcdef").unwrap().unwrap();
        let writer = find(&keys, "fedcba9876543210").unwrap().unwrap();
        assert_eq!(reader.scopes().to_string(), "tickets:read");
        assert_eq!(writer.scopes().to_string(), "admin tickets:read tickets:write");
        assert_eq!(reader.subject(), format!("key-{}", reader.fingerprint().unwrap()));
        assert_ne!(reader, writer);
    }

    #[test]
    fn the_padding_of_a_base64_key_belongs_to_the_key() {
        let keys = plain("c2VjcmV0LXNlY3JldA==,c2VjcmV0LXNlY3JldB===admin").unwrap();
        assert!(find(&keys, "c2VjcmV0LXNlY3JldA==").is_some());
        let widened = find(&keys, "c2VjcmV0LXNlY3JldB==").unwrap().unwrap();
        assert!(widened.scopes().contains("admin"));
    }

    #[test]
    fn a_weak_or_impossible_plain_key_is_refused_without_repeating_it() {
        for list in
            ["hunter2", "hunter2hunter2hunter\u{e9}", "hunter2hunter2hunter2=\"", "short=admin"]
        {
            let shown = format!("{:?}", plain(&format!("0123456789abcdef,{list}")).unwrap_err());
            assert!(shown.contains("entry: 2") && !shown.contains("hunter"), "{shown}");
        }
        assert!(plain("0123456789abcdef,0123456789abcdef").is_err());
    }

    #[test]
    fn sources_merge_unless_they_share_a_key() {
        let first = plain("0123456789abcdef").unwrap();
        let merged = first.merge(plain("fedcba9876543210").unwrap()).unwrap();
        assert_eq!(merged.len(), 2);
        assert!(merged.merge(plain("0123456789abcdef=admin").unwrap()).is_err());
    }
}
