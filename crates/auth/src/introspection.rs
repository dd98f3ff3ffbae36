//! Opaque tokens: the issuer is asked what one is worth (RFC 7662).

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::Utc;
use moka::future::Cache;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::{
    AuthError, ClientCredentials, Credential, Fetch, FetchLimits, IssuerUrl, Principal, TokenRules,
    digest::Digest, json::UniqueMap, swap::Swap,
};

/// How long an answer counts: a token that its issuer ends is refused here as soon.
const ANSWER_COUNTS: Duration = Duration::from_mins(1);
/// How long nobody asks again about a token after the endpoint failed.
const FAILURE_COUNTS: Duration = Duration::from_secs(1);
/// So long a replaced secret of ours stays usable: the endpoint may learn of the new one later than we do.
const OVERLAP: Duration = Duration::from_mins(5);
/// Most answers that are remembered.
const MAX_ANSWERS: u64 = 10_000;
/// Bounds of one question.
const LIMITS: FetchLimits = FetchLimits { max_bytes: 64 * 1024, deadline: Duration::from_secs(2) };

const UNAVAILABLE: AuthError = AuthError::Unavailable { service: "introspection" };

/// Asks one introspection endpoint.
pub struct Introspection {
    endpoint: IssuerUrl,
    clients: Swap<Clients>,
    rules: TokenRules,
    fetch: Arc<dyn Fetch>,
    answers: Cache<Digest, Answer>,
}

/// Who we are at the endpoint, and who we were until lately.
struct Clients {
    current: ClientCredentials,
    /// Until when it may be tried.
    previous: Option<(ClientCredentials, Instant)>,
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
        let clients = Swap::new(Clients { current: client, previous: None });
        Self { endpoint, clients, rules, fetch, answers }
    }

    /// Asks as `client` from now on. Who it asked as before stays usable for five minutes, and is tried when the
    /// endpoint refuses the new one.
    pub(crate) fn set_client(&self, client: ClientCredentials) {
        let replaced = self.clients.load().current.clone();
        let previous = Some((replaced, Instant::now() + OVERLAP));
        self.clients.store(Clients { current: client, previous });
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
        let verdict = match timeout(LIMITS.deadline, self.post(credential)).await {
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

    async fn post(&self, credential: &Credential) -> mcp_errors::Result<Bytes> {
        let form = &[("token", credential.expose()), ("token_type_hint", "access_token")];
        let clients = self.clients.load();
        let ask = |client| self.fetch.post_form(self.endpoint.as_url(), form, client, LIMITS);
        let answered = ask(&clients.current).await;
        match &clients.previous {
            Some((previous, until)) if answered.is_err() && Instant::now() < *until => {
                ask(previous).await
            }
            _ => answered,
        }
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
            .field("client", &self.clients.load().current.id)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
