//! What an operator should know of keys: whose they are, and whether they can be guessed.

use crate::{Principal, digest::Digest};

use super::ApiKeys;

/// What people write where a secret belongs, and what attackers therefore try first.
const WORDS: [&str; 14] = [
    "changeme",
    "change-me",
    "password",
    "passwort",
    "secret",
    "example",
    "letmein",
    "qwerty",
    "12345678",
    "abcdef",
    "test",
    "demo",
    "admin",
    "api-key",
];
/// A key of random characters has more different ones.
const FEWEST_DIFFERENT: usize = 8;

impl ApiKeys {
    /// What every key proves: its owner, its scopes, its end.
    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.buckets.values().flatten().map(|key| &key.principal)
    }

    /// The owners of keys that are nothing but a word that is tried first.
    pub fn guessable(&self) -> Vec<&str> {
        let words = WORDS.iter().flat_map(|word| {
            [(*word).to_owned(), format!("{word}1"), format!("{word}123"), format!("{word}{word}")]
        });
        let words = words.chain(["key".to_owned(), "token".to_owned(), String::new()]);
        let found = words.filter_map(|word| self.get(&Digest::of(word.as_bytes())));
        found.map(|key| key.principal.subject()).collect()
    }
}

/// Whether a plain key could be guessed: a known word is part of it, or it has few different characters.
pub fn is_guessable(key: &str) -> bool {
    // Scopes may follow the key.
    let key = key.split('=').next().unwrap_or(key).to_ascii_lowercase();
    let mut different: Vec<_> = key.bytes().collect();
    different.sort_unstable();
    different.dedup();
    let is_series = different.len() == key.len() && key.is_ascii() && is_sorted(&key);
    different.len() < FEWEST_DIFFERENT || is_series || WORDS.iter().any(|word| key.contains(word))
}

/// `0123456789abcdef` has many characters and no secret.
fn is_sorted(key: &str) -> bool {
    key.bytes().is_sorted()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_anybody_would_try_is_told_from_a_random_one() {
        for weak in
            ["changeme-changeme", "0123456789abcdef", "aaaaaaaaaaaaaaaaaaaa", "My-Secret-Key-2026"]
        {
            assert!(is_guessable(weak), "{weak}");
        }
        for strong in ["5f3b7c1e9d2a4806b1c7", "Zk8vQ2xM7rT4wN9p=tickets:write"] {
            assert!(!is_guessable(strong), "{strong}");
        }
    }

    #[test]
    fn a_hash_of_a_word_gives_its_owner_away() {
        let entry = |owner: &str, key: &str| {
            let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(key));
            format!("[[key]]\nowner = '{owner}'\nsha256 = '{hash}'\nscopes = []\n")
        };
        let file = entry("ci", "changeme") + &entry("ops", "5f3b7c1e9d2a4806b1c7");
        let keys = ApiKeys::from_toml(&file).unwrap();
        assert_eq!(keys.guessable(), ["ci"]);
        assert_eq!(keys.principals().count(), 2);
    }
}
