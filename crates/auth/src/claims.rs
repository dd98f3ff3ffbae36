//! What a token must say before its bearer is believed, and who that makes the bearer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::{
    AuthError, Fingerprint, Principal, Scope, ScopeSet,
    json::{WRONG_TYPE, strings, text, texts},
    principal::{Evidence, Method, Subject},
};

/// Longest name of a subject, a client or a token, in bytes.
const MAX_NAME_BYTES: usize = 512;
/// Largest leeway: more would not be clocks that differ.
const MAX_LEEWAY: Duration = Duration::from_mins(5);
/// Claims that hold scopes whatever the configuration says.
const SCOPE_CLAIMS: [&str; 2] = ["scope", "scp"];
/// Most scopes that count; a token of 16 KiB could name thousands.
const MAX_SCOPES: usize = 512;

/// The rules for tokens of one issuer.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// The issuer, compared exactly with `iss`.
    pub issuer: String,
    /// This resource: one of these must be in `aud`.
    pub audiences: Vec<String>,
    /// How far clocks may differ; at most 5 minutes count.
    pub leeway: Duration,
    /// Longest time from `iat`, or from now, to `exp`.
    pub max_lifetime: Option<Duration>,
    /// More claims that hold scopes, besides `scope` and `scp`: a name, or a path like `realm_access.roles`.
    pub scope_claims: Vec<String>,
    /// What the issuer's names for scopes mean here; a name that is not listed means itself.
    pub scope_map: BTreeMap<String, ScopeSet>,
}

impl TokenRules {
    /// Tokens of `issuer` for `audience`, with a leeway of 5 s.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            leeway: Duration::from_secs(5),
            max_lifetime: None,
            scope_claims: Vec::new(),
            scope_map: BTreeMap::new(),
        }
    }

    /// The principal of a JWT whose signature is good (RFC 9068 §4): `iss`, `aud` and `exp` must be there.
    pub(crate) fn of_jwt(
        &self,
        claims: Map<String, Value>,
        fingerprint: Fingerprint,
        now: DateTime<Utc>,
    ) -> Result<Principal, AuthError> {
        for (claim, reason) in [("iss", "issuer"), ("aud", "audience"), ("exp", "no_expiry")] {
            if !claims.contains_key(claim) {
                return Err(AuthError::Invalid { reason });
            }
        }
        self.principal(Method::Jwt, claims, fingerprint, now)
    }

    /// The principal of a token that the issuer calls active (RFC 7662 §2.2): what is there must be right.
    pub(crate) fn of_introspection(
        &self,
        claims: Map<String, Value>,
        fingerprint: Fingerprint,
        now: DateTime<Utc>,
    ) -> Result<Principal, AuthError> {
        self.principal(Method::Introspection, claims, fingerprint, now)
    }

    fn principal(
        &self,
        method: Method,
        claims: Map<String, Value>,
        fingerprint: Fingerprint,
        now: DateTime<Utc>,
    ) -> Result<Principal, AuthError> {
        if text(&claims, "iss")?.is_some_and(|issuer| issuer != self.issuer) {
            return Err(AuthError::Invalid { reason: "issuer" });
        }
        if let Some(audiences) = texts(&claims, "aud")?
            && !audiences.iter().any(|audience| self.audiences.iter().any(|own| own == audience))
        {
            return Err(AuthError::Invalid { reason: "audience" });
        }
        let evidence = Evidence {
            scopes: self.scopes(&claims)?,
            fingerprint: Some(fingerprint),
            token_id: name(&claims, "jti", "token_id")?.map(str::to_owned),
            ..self.validity(&claims, now)?
        };
        let subject = subject(&claims)?;
        let evidence = Evidence { claims: Some(claims), ..evidence };
        Ok(Principal::new(method, &self.issuer, subject, evidence))
    }

    /// When the token was issued, and from when on it is refused.
    fn validity(
        &self,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Evidence, AuthError> {
        let leeway = time_delta(self.leeway.min(MAX_LEEWAY));
        let issued_at = time(claims, "iat")?;
        let expires_at = time(claims, "exp")?;
        if time(claims, "nbf")?.is_some_and(|not_before| now + leeway < not_before) {
            return Err(AuthError::Invalid { reason: "not_yet_valid" });
        }
        if issued_at.is_some_and(|issued_at| now + leeway < issued_at) {
            return Err(AuthError::Invalid { reason: "issued_in_the_future" });
        }
        if let (Some(expires_at), Some(longest)) = (expires_at, self.max_lifetime)
            && expires_at - issued_at.unwrap_or(now) > time_delta(longest)
        {
            return Err(AuthError::Invalid { reason: "lifetime" });
        }
        let refused_from = expires_at.map(|expires_at| expires_at + leeway);
        match refused_from {
            Some(refused_from) if refused_from <= now => Err(AuthError::Expired),
            _ => Ok(Evidence { issued_at, expires_at: refused_from, ..Evidence::default() }),
        }
    }

    fn scopes(&self, claims: &Map<String, Value>) -> Result<ScopeSet, AuthError> {
        let mut scopes = BTreeSet::new();
        for name in SCOPE_CLAIMS {
            match claims.get(name) {
                Some(Value::String(list)) => {
                    list.split(' ').for_each(|scope| self.add_scope(scope, &mut scopes));
                }
                Some(value) => self.add_scopes(value, &mut scopes)?,
                None => {}
            }
        }
        for value in self.scope_claims.iter().filter_map(|path| lookup(claims, path)) {
            match value {
                Value::String(list) => {
                    list.split(' ').for_each(|scope| self.add_scope(scope, &mut scopes));
                }
                _ => self.add_scopes(value, &mut scopes)?,
            }
        }
        Ok(scopes.into_iter().collect())
    }

    fn add_scopes(&self, value: &Value, scopes: &mut BTreeSet<Scope>) -> Result<(), AuthError> {
        for scope in strings(value)? {
            self.add_scope(scope, scopes);
        }
        Ok(())
    }

    /// Adds what the issuer's `name` means here. A name that can be no scope (a role with spaces) grants nothing.
    fn add_scope(&self, name: &str, scopes: &mut BTreeSet<Scope>) {
        if scopes.len() >= MAX_SCOPES {
            return;
        }
        match self.scope_map.get(name) {
            Some(meaning) => scopes.extend(meaning.iter().cloned()),
            None => scopes.extend(name.parse::<Scope>()),
        }
    }
}

/// `sub`, else `client_id`, else `azp`; a token that names nobody is refused.
fn subject(claims: &Map<String, Value>) -> Result<Subject, AuthError> {
    let user = name(claims, "sub", "subject")?;
    let client = name(claims, "client_id", "client")?;
    let party = name(claims, "azp", "client")?;
    match (user, client.or(party)) {
        (Some(user), _) => Ok(Subject::User(user.to_owned())),
        (None, Some(client)) => Ok(Subject::Client(client.to_owned())),
        (None, None) => Err(AuthError::Invalid { reason: "subject" }),
    }
}

/// A claim that names somebody or something, in a form that logs and lists can hold.
fn name<'a>(
    claims: &'a Map<String, Value>,
    claim: &str,
    reason: &'static str,
) -> Result<Option<&'a str>, AuthError> {
    let name = text(claims, claim)?;
    let accepted = |name: &str| {
        (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.trim() == name
            && !name.chars().any(char::is_control)
    };
    if name.is_some_and(|name| !accepted(name)) {
        return Err(AuthError::Invalid { reason });
    }
    Ok(name)
}

/// A `NumericDate` (RFC 7519 §2): seconds, possibly with a fraction, which is cut off.
fn time(claims: &Map<String, Value>, claim: &str) -> Result<Option<DateTime<Utc>>, AuthError> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let seconds = value.as_i64().or_else(|| {
        #[expect(clippy::cast_possible_truncation, reason = "in range by the filter")]
        value.as_f64().filter(|seconds| (0.0..1e11).contains(seconds)).map(|seconds| seconds as i64)
    });
    seconds
        .filter(|seconds| (0..100_000_000_000).contains(seconds))
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .map(Some)
        .ok_or(WRONG_TYPE)
}

fn time_delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// The claim of that very name (which may be a URL), else at the end of a path with dots.
fn lookup<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| {
        let mut steps = path.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    })
}
