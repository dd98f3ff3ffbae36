//! One line of the revocation list.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};

use crate::{ConfigError, Fingerprint};

/// Longest name in an entry, in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// One entry of the list; its text form is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What is withdrawn.
    pub target: Target,
    /// When the entry itself lapses: the credential has expired by then.
    pub until: Option<DateTime<Utc>>,
}

/// What an entry withdraws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The token with this `jti`.
    Token(String),
    /// Everything that this subject was issued `before` a time, or ever.
    Subject {
        /// The subject's name, at whichever issuer.
        name: String,
        /// Credentials issued from then on are good.
        before: Option<DateTime<Utc>>,
    },
    /// The credential with this fingerprint.
    Key(Fingerprint),
}

impl Target {
    /// The target that `revoke KIND VALUE` means; a subject loses what was issued before `now`.
    ///
    /// # Errors
    ///
    /// When the kind is none of `jti`, `sub`, `key`, or the value cannot stand in a line.
    pub fn of_command(kind: &str, value: &str, now: DateTime<Utc>) -> Result<Self, ConfigError> {
        let target = match kind {
            "jti" => Self::Token(value.to_owned()),
            "sub" => Self::Subject { name: value.to_owned(), before: Some(now) },
            "key" => Self::Key(value.parse().map_err(|_| fault(FINGERPRINT))?),
            _ => return Err(fault("the kind must be `jti`, `sub` or `key`")),
        };
        // What would not be read back as it was meant is not written.
        let entry = Revocation { target, until: None };
        match read_line(without_comment(&entry.to_string())) {
            Ok(read) if read.target.same(&entry.target) => Ok(entry.target),
            _ => Err(fault(
                "the value must be a name without line breaks, ` #`, `before:` or `until:`",
            )),
        }
    }

    /// Equality but for the parts of a second, which a line does not keep.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Subject { name, .. }, Self::Subject { name: other, .. }) => name == other,
            _ => self == other,
        }
    }
}

const FINGERPRINT: &str = "a key is named by the 16 hexadecimal digits of its fingerprint";

fn fault(problem: &'static str) -> ConfigError {
    ConfigError::Revocation { line: 1, problem }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            // The prefix keeps an identifier that looks like another kind of entry what it is.
            Target::Token(id) => write!(f, "jti:{id}")?,
            Target::Subject { name, before: None } => write!(f, "sub:{name}")?,
            Target::Subject { name, before: Some(before) } => {
                write!(f, "sub:{name} before:{}", seconds(before))?;
            }
            Target::Key(fingerprint) => write!(f, "key:{fingerprint}")?,
        }
        self.until.iter().try_for_each(|until| write!(f, " until:{}", seconds(until)))
    }
}

fn seconds(time: &DateTime<Utc>) -> String {
    // The next full second: a token issued within this one is withdrawn too.
    let next = *time + chrono::TimeDelta::nanoseconds(999_999_999);
    next.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

impl FromStr for Revocation {
    type Err = ConfigError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        read_line(line).map_err(fault)
    }
}

/// Reads `[jti:]ID`, `sub:NAME [before:TIME]` or `key:FINGERPRINT`, each with an optional `until:TIME`.
pub(super) fn read_line(line: &str) -> Result<Revocation, &'static str> {
    let (mut name, mut before, mut until) = (line.trim(), None, None);
    // Options stand at the end, so that a name may have spaces: `sub:CN=alice, O=Example`.
    while let Some((rest, word)) = name.rsplit_once(char::is_whitespace) {
        let (slot, time) = match word.split_once(':') {
            Some(("before", time)) => (&mut before, time),
            Some(("until", time)) => (&mut until, time),
            _ => break,
        };
        if slot.replace(read_time(time)?).is_some() {
            return Err("an option stands twice");
        }
        name = rest.trim_end();
    }
    let target = read_target(name, before)?;
    Ok(Revocation { target, until })
}

fn read_target(name: &str, before: Option<DateTime<Utc>>) -> Result<Target, &'static str> {
    let (kind, value) = match name.split_once(':') {
        Some((kind @ ("jti" | "sub" | "key"), value)) => (kind, value.trim_start()),
        _ => ("jti", name),
    };
    if value.is_empty() || value.len() > MAX_NAME_BYTES || value.chars().any(char::is_control) {
        return Err("expected a name of 1 to 1024 bytes without control characters");
    }
    match kind {
        "sub" => Ok(Target::Subject { name: value.to_owned(), before }),
        _ if before.is_some() => Err("`before:` goes with `sub:` only"),
        "key" => value.parse().map(Target::Key).map_err(|_| FINGERPRINT),
        _ if value.contains(char::is_whitespace) => {
            Err("expected `JTI`, `sub:NAME before:TIME` or `key:FINGERPRINT`")
        }
        _ => Ok(Target::Token(value.to_owned())),
    }
}

/// An RFC 3339 time, or seconds since 1970 as tokens have them.
fn read_time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let rfc3339 = || DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let seconds = text.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    seconds.or_else(rfc3339).ok_or("expected a time with its offset, like 2027-01-31T00:00:00Z")
}

/// The line up to a `#` that opens it or follows a space.
pub(super) fn without_comment(line: &str) -> &str {
    let mut start_of_word = true;
    let end = line.char_indices().find(|(_, letter)| {
        let opens = start_of_word && *letter == '#';
        start_of_word = letter.is_whitespace();
        opens
    });
    end.and_then(|(end, _)| line.get(..end)).unwrap_or(line).trim()
}
