//! Opaque tokens: the issuer is asked what one is worth (RFC 7662).

use std::{fmt, sync::Arc, time::Duration};

use chrono::Utc;
use moka::future::Cache;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::{
    AuthError, ClientCredentials, Credential, Fetch, FetchLimits, IssuerUrl, Principal, TokenRules,
    digest::Digest, json::UniqueMap,
};

/// How long an answer counts: a token that its issuer ends is refused here as soon.
const ANSWER_COUNTS: Duration = Duration::from_mins(1);
/// How long nobody asks again about a token after the endpoint failed.
const FAILURE_COUNTS: Duration = Duration::from_secs(1);
/// Most answers that are remembered.
const MAX_ANSWERS: u64 = 10_000;
/// Bounds of one question.
const LIMITS: FetchLimits = FetchLimits { max_bytes: 64 * 1024, deadline: Duration::from_secs(2) };

const UNAVAILABLE: AuthError = AuthError::Unavailable { service: "introspection" };

/// Asks one introspection endpoint.
pub struct Introspection {
    endpoint: IssuerUrl,
    client: ClientCredentials,
    rules: TokenRules,
    fetch: Arc<dyn Fetch>,
    answers: Cache<Digest, Answer>,
}

/// What was learnt about a token, and until when that counts.
#[derive(Clone)]
struct Answer {
    verdict: Result<Principal, AuthError>,
    counts_until: Instant,
}

impl Introspection {
    /// Asks `endpoint` as `client`; what it says of a token must fit `rules`.
    pub fn new(
        endpoint: IssuerUrl,
        client: ClientCredentials,
        rules: TokenRules,
        fetch: Arc<dyn Fetch>,
    ) -> Self {
        let answers =
            Cache::builder().max_capacity(MAX_ANSWERS).time_to_live(ANSWER_COUNTS).build();
        Self { endpoint, client, rules, fetch, answers }
    }

    /// Who bears the token. Concurrent questions about one token are asked once.
    pub(crate) async fn verify(&self, credential: &Credential) -> Result<Principal, AuthError> {
        let digest = credential.digest();
        let lapsed = |answer: &Answer| answer.counts_until <= Instant::now();
        let entry = self.answers.entry(digest).or_insert_with_if(self.ask(credential), lapsed);
        let verdict = entry.await.into_value().verdict;
        match verdict {
            Ok(known) if known.expires_at().is_some_and(|end| end <= Utc::now()) => {
                Err(AuthError::Expired)
            }
            verdict => verdict,
        }
    }

    async fn ask(&self, credential: &Credential) -> Answer {
        let form = [("token", credential.expose()), ("token_type_hint", "access_token")];
        let post = self.fetch.post_form(self.endpoint.as_url(), &form, &self.client, LIMITS);
        let verdict = match timeout(LIMITS.deadline, post).await {
            Ok(Ok(body)) => self.read(&body, credential),
            Ok(Err(error)) => {
                tracing::warn!(cause = %error, "the introspection endpoint failed");
                Err(UNAVAILABLE)
            }
            Err(_) => {
                tracing::warn!("the introspection endpoint did not answer in time");
                Err(UNAVAILABLE)
            }
        };
        let counts = if verdict == Err(UNAVAILABLE) { FAILURE_COUNTS } else { ANSWER_COUNTS };
        Answer { verdict, counts_until: Instant::now() + counts }
    }

    fn read(&self, body: &[u8], credential: &Credential) -> Result<Principal, AuthError> {
        if body.len() > LIMITS.max_bytes {
            return Err(UNAVAILABLE);
        }
        let UniqueMap(claims) = serde_json::from_slice(body).map_err(|_| UNAVAILABLE)?;
        // RFC 7662 §2.2: a boolean; `"true"` or `1` is an endpoint that we do not understand.
        match claims.get("active") {
            Some(Value::Bool(true)) => {
                self.rules.of_introspection(claims, credential.fingerprint(), Utc::now())
            }
            Some(Value::Bool(false)) => Err(AuthError::Invalid { reason: "inactive" }),
            _ => Err(UNAVAILABLE),
        }
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("endpoint", &self.endpoint)
            .field("client", &self.client.id)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
