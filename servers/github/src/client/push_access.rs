//! Lockdown: whose words are shown. Anybody may write into a public repository; only people with push access are believed
//! there.

use std::{collections::BTreeSet, time::Duration};

use futures::future::try_join_all;
use mcp_chassis::{Cache, CacheConfig, CacheKey, CallContext, ErrorKind, Result};
use serde::Deserialize;

use super::{Client, in_repository, share};
use crate::{allowlist::Repository, names::Login};

/// How long somebody is believed whose access may have been taken away.
const FRESH: Duration = Duration::from_mins(5);
/// The most that is remembered, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// Who may push where.
#[derive(Debug)]
pub(super) struct PushAccess(Cache<bool>);

/// Whose words are shown.
#[derive(Debug)]
pub(crate) struct Trusted(Option<BTreeSet<(String, String)>>);

impl Trusted {
    /// Whether the words of `login` in `repository` are shown. Nobody who has no account any more is believed.
    pub(crate) fn has(&self, repository: &Repository, login: Option<&str>) -> bool {
        let Some(trusted) = &self.0 else { return true };
        login.is_some_and(|login| trusted.contains(&(repository.to_string(), login.to_owned())))
    }
}

/// `GET /repos/{owner}/{repo}/collaborators/{username}/permission`: `maintain` is told as `write`, `triage` as `read`.
#[derive(Deserialize)]
struct Permission {
    permission: String,
}

impl PushAccess {
    pub(super) fn new() -> Self {
        let config = CacheConfig { fresh: FRESH, stale: Duration::ZERO, max_bytes: MAX_BYTES };
        Self(Cache::new(config, |_| size_of::<bool>()))
    }
}

impl Client {
    /// Which of these authors may be shown.
    ///
    /// # Errors
    /// When GitHub does not say: then nobody is shown.
    pub(crate) async fn trusted<'a>(
        &self,
        authors: impl Iterator<Item = (&'a Repository, Option<&'a str>)>,
        context: &CallContext,
    ) -> Result<Trusted> {
        let Some(access) = &self.access else { return Ok(Trusted(None)) };
        let mut asked = BTreeSet::new();
        let mut questions = Vec::new();
        for (repository, login) in
            authors.filter_map(|(repository, login)| Some((repository, login?)))
        {
            if asked.insert((repository.to_string(), login.to_owned())) {
                let question = self.may_push(access, repository, login, context);
                questions.push(context.step("asked whether an author may push", question));
            }
        }
        let answers = try_join_all(questions).await?;
        Ok(Trusted(Some(answers.into_iter().flatten().collect())))
    }

    /// The pair itself, where that author has push access.
    async fn may_push(
        &self,
        access: &PushAccess,
        repository: &Repository,
        login: &str,
        context: &CallContext,
    ) -> Result<Option<(String, String)>> {
        // A name that GitHub itself told; what is none has no access.
        let Ok(name) = Login::try_from(login.to_owned()) else { return Ok(None) };
        let within = share(context, 80);
        let full_name = repository.to_string();
        let key = CacheKey::public(&[&full_name.to_lowercase(), &login.to_lowercase()]);
        let ask = async {
            let rest = ["collaborators", name.as_str(), "permission"];
            let route = in_repository(repository, &rest);
            match self.get_in::<Permission>(repository, &route, within).await {
                Ok(answer) => Ok(matches!(answer.value.permission.as_str(), "admin" | "write")),
                Err(error) if *error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        };
        let may = *access.0.get(key, ask).await?.value;
        Ok(may.then(|| (full_name, login.to_owned())))
    }
}
