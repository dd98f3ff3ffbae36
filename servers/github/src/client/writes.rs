//! Writes that are not repeated blindly: what carries a key carries a hidden mark too, by which it is found again.

use http::StatusCode;
use mcp_chassis::{CallContext, Error, ErrorKind, Result, WriteKey};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Answer, Client, Route, share, transport::Ask};
use crate::allowlist::Repository;

/// How a mark begins; HTML comments are not shown in rendered Markdown.
const MARK: &str = "\n\n<!-- mcp-github:";
/// So many digits of the key's hash tell one write from every other.
const DIGITS: usize = 32;

/// Something that is about to be written, and where it would be found if it was written before.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) repository: &'a Repository,
    /// Where it is written.
    pub(crate) to: Route,
    /// What is written, with its text in `body`.
    pub(crate) fields: Value,
    /// Where own writes are listed, given our login.
    pub(crate) among: fn(&Repository, &str) -> Route,
    /// What a person calls it: `the issue`.
    pub(crate) name: &'static str,
}

/// What was written, as far as finding it again needs it.
pub(crate) trait Written: DeserializeOwned {
    fn body(&self) -> Option<&str>;
    fn author(&self) -> Option<&str>;
}

impl Client {
    /// Writes `draft` once: one that was written under the same key before is found instead.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] with `outcome: uncertain` when the answer was lost and the write is not found.
    pub(crate) async fn write<T: Written>(
        &self,
        mut draft: Draft<'_>,
        context: &CallContext,
    ) -> Result<T> {
        let Some(write) = context.write() else {
            return self
                .post(&draft, context)
                .await
                .map_err(|error| uncertain(&draft, false, error));
        };
        let mark = mark(&write.key);
        let login = self.me(context).await?.login;
        if let Some(written) = self.find(&draft, &mark, &login, context).await? {
            return Ok(written);
        }
        let text = draft.fields.get("body").and_then(Value::as_str).unwrap_or_default();
        let marked = format!("{text}{mark}");
        if let Some(fields) = draft.fields.as_object_mut() {
            fields.insert("body".to_owned(), marked.into());
        }
        let error = match self.post(&draft, context).await {
            Err(error) if is_lost(&error) => error,
            outcome => return outcome,
        };
        match self.find(&draft, &mark, &login, context).await {
            Ok(Some(written)) => Ok(written),
            Ok(None) | Err(_) => Err(uncertain(&draft, true, error)),
        }
    }

    async fn post<T: Written>(&self, draft: &Draft<'_>, context: &CallContext) -> Result<T> {
        let ask = Ask::post(&draft.to, Some(&draft.fields), share(context, 60));
        let response = self.ask_in(draft.repository, ask).await?;
        if response.status() != StatusCode::CREATED {
            return Err(super::unreadable());
        }
        Answer::new(&response).map(|answer| answer.value)
    }

    async fn find<T: Written>(
        &self,
        draft: &Draft<'_>,
        mark: &str,
        login: &str,
        context: &CallContext,
    ) -> Result<Option<T>> {
        let route = (draft.among)(draft.repository, login);
        let listed: Answer<Vec<T>> =
            self.get_in(draft.repository, &route, share(context, 50)).await?;
        // Who copies a mark is not taken for us.
        let is_it = |it: &T| {
            it.author() == Some(login)
                && it.body().is_some_and(|body| body.ends_with(mark.trim_start()))
        };
        Ok(listed.value.into_iter().find(is_it))
    }
}

fn mark(key: &WriteKey) -> String {
    let digits: String = key.as_str().chars().take(DIGITS).collect();
    format!("{MARK}{digits} -->")
}

/// A text without the mark that it may carry.
pub(crate) fn unmarked(mut body: String) -> String {
    if body.ends_with("-->")
        && let Some(at) = body.rfind(MARK.trim_start())
    {
        body.truncate(at);
        body.truncate(body.trim_end().len());
    }
    body
}

/// Whether GitHub may have done it although there is no answer that says so.
fn is_lost(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Timeout | ErrorKind::Unavailable => true,
        ErrorKind::Upstream { status, .. } => status.is_none_or(|status| status >= 500),
        _ => false,
    }
}

fn uncertain(draft: &Draft<'_>, keyed: bool, error: Error) -> Error {
    if !is_lost(&error) {
        return error;
    }
    let name = draft.name;
    let next = if keyed {
        "repeat the call with the same `idempotency_key`, it is looked up first"
    } else {
        "look it up before you repeat the call"
    };
    Error::conflict(format!(
        "GitHub's answer was lost, so {name} may have been written or not: {next}"
    ))
    .with_details(json!({ "outcome": "uncertain" }))
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_at_the_end_and_is_not_shown() {
        let mark = mark(&WriteKey::new("ann", "create_issue", "k").unwrap());
        assert_eq!(unmarked(format!("text{mark}")), "text");
        assert_eq!(unmarked(mark.trim_start().to_owned()), "");
        for text in ["text", "a <!-- b -->", "<!-- mcp-github:0 --> then text", ""] {
            assert_eq!(unmarked(text.to_owned()), text);
        }
    }
}
