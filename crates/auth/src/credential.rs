//! One credential out of the request's headers, or a clear refusal.

use secrecy::{ExposeSecret, SecretString};

use crate::{AuthError, digest::Digest, digest::Fingerprint};

/// Longest credential, in bytes.
pub(crate) const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;

/// A credential as it was sent. `Debug` shows its fingerprint alone.
#[derive(Clone, Debug)]
pub struct Credential {
    secret: SecretString,
    digest: Digest,
    carrier: Carrier,
}

/// The header that carried a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// `Authorization: Bearer`: a token or an API key.
    Bearer,
    /// `X-API-Key`: an API key and nothing else.
    ApiKeyHeader,
}

impl Credential {
    /// Takes the credential from every value of `Authorization` and of `X-API-Key` (RFC 6750 §2.1).
    ///
    /// # Errors
    ///
    /// [`AuthError::Missing`] without either header; [`AuthError::Malformed`] with more than one, with another
    /// scheme than `Bearer`, beyond 16 KiB or with characters that no credential has.
    pub fn from_headers<'a>(
        authorization: impl IntoIterator<Item = &'a [u8]>,
        api_key: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, AuthError> {
        let (mut authorization, mut api_key) = (authorization.into_iter(), api_key.into_iter());
        let (bearer, key) = (authorization.next(), api_key.next());
        if authorization.next().is_some() || api_key.next().is_some() {
            return malformed("a header is repeated");
        }
        match (bearer, key) {
            (None, None) => Err(AuthError::Missing),
            (Some(_), Some(_)) => malformed("send either `Authorization` or `X-API-Key`"),
            (Some(value), None) => Self::read(bearer_token(value)?, Carrier::Bearer, is_b64token),
            (None, Some(value)) => Self::read(value, Carrier::ApiKeyHeader, is_visible),
        }
    }

    fn read(
        value: &[u8],
        carrier: Carrier,
        well_formed: fn(&[u8]) -> bool,
    ) -> Result<Self, AuthError> {
        if value.len() > MAX_CREDENTIAL_BYTES {
            return malformed("it is longer than 16 KiB");
        }
        match std::str::from_utf8(value) {
            Ok(text) if well_formed(value) => {
                Ok(Self { secret: text.into(), digest: Digest::of(value), carrier })
            }
            _ => malformed("it has characters that are not allowed"),
        }
    }

    /// What may be logged in the credential's place.
    pub fn fingerprint(&self) -> Fingerprint {
        self.digest.fingerprint()
    }

    /// The credential itself, for the checks of this crate only.
    pub(crate) fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn carrier(&self) -> Carrier {
        self.carrier
    }
}

fn malformed<T>(problem: &'static str) -> Result<T, AuthError> {
    Err(AuthError::Malformed { problem })
}

/// What follows `Bearer` and its spaces.
fn bearer_token(value: &[u8]) -> Result<&[u8], AuthError> {
    let scheme_end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(scheme_end);
    if scheme.eq_ignore_ascii_case(b"bearer") {
        let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
        Ok(rest.split_at(spaces).1)
    } else {
        malformed("the scheme of `Authorization` must be `Bearer`")
    }
}

/// `b64token` of RFC 6750 §2.1.
pub(crate) fn is_b64token(value: &[u8]) -> bool {
    let padding = value.iter().rev().take_while(|byte| **byte == b'=').count();
    let (body, _) = value.split_at(value.len() - padding);
    !body.is_empty()
        && body.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte))
}

fn is_visible(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::{Carrier, Credential};
    use crate::AuthError;

    /// Every value of one header.
    type Values<'a> = &'a [&'a [u8]];

    fn read(authorization: Values<'_>, api_key: Values<'_>) -> Result<Credential, AuthError> {
        Credential::from_headers(authorization.iter().copied(), api_key.iter().copied())
    }

    #[test]
    fn a_token_comes_from_either_header() {
        let bearer = read(&[b"bEaReR  abc.def-_~+/=="], &[]).unwrap();
        assert_eq!((bearer.expose(), bearer.carrier()), ("abc.def-_~+/==", Carrier::Bearer));
        let key = read(&[], &[b"k3y:with!marks"]).unwrap();
        assert_eq!((key.expose(), key.carrier()), ("k3y:with!marks", Carrier::ApiKeyHeader));
    }

    #[test]
    fn no_header_is_missing_and_not_malformed() {
        assert_eq!(read(&[], &[]).unwrap_err(), AuthError::Missing);
    }

    #[test]
    fn hostile_headers_are_malformed() {
        let oversized = "a".repeat(16 * 1024 + 1);
        let oversized_bearer = format!("Bearer {oversized}");
        let refused: [(Values<'_>, Values<'_>); 23] = [
            (&[b"Bearer abc", b"Bearer abc"], &[]),
            (&[b"Bearer abc"], &[b"abc"]),
            (&[], &[b"abc", b"def"]),
            (&[], &[b""]),
            (&[], &[b"a b"]),
            (&[], &[b"a\x00b"]),
            (&[], &[oversized.as_bytes()]),
            (&[], &[b"caf\xc3\xa9"]),
            (&[b""], &[]),
            (&[b"Bearer"], &[]),
            (&[b"Bearer "], &[]),
            (&[b"Bearer ="], &[]),
            (&[b"Bearerabc"], &[]),
            (&[b"Basic dXNlcjpwYXNz"], &[]),
            (&[b"Bearer Bearer abc"], &[]),
            (&[b"Bearer abc, Bearer def"], &[]),
            (&[b"Bearer abc\r\nX-Admin: 1"], &[]),
            (&[b"Bearer abc\x00"], &[]),
            (&[b"Bearer\tabc"], &[]),
            (&[b"Bearer \tabc"], &[]),
            (&[b"Bearer a=b"], &[]),
            (&[b"Bearer \xff\xfe"], &[]),
            (&[oversized_bearer.as_bytes()], &[]),
        ];
        for (authorization, api_key) in refused {
            let error = read(authorization, api_key).unwrap_err();
            assert!(matches!(error, AuthError::Malformed { .. }), "{authorization:?} {api_key:?}");
        }
    }

    #[test]
    fn debug_shows_the_fingerprint_and_not_the_secret() {
        let credential = read(&[b"Bearer hunter2hunter2"], &[]).unwrap();
        let shown = format!("{credential:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains(&credential.fingerprint().to_string()), "{shown}");
    }
}
