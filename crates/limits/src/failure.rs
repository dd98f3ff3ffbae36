//! How an attempt to ask an upstream failed, and whether to ask again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use mcp_errors::{Error, ErrorKind};
use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};

/// The pause that is told when the upstream limits us without saying for how long.
const UNKNOWN_WAIT: Duration = Duration::from_mins(1);
/// A longer wait is not believed.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Why an attempt has no answer.
#[derive(Debug)]
pub struct Failure {
    /// What the caller is told; boxed, since most attempts do not fail.
    pub error: Box<Error>,
    /// Whether the upstream itself does not work. Then it may be asked again, and its breaker counts it.
    pub broken: bool,
    /// How long the upstream asked us to wait.
    pub wait: Option<Duration>,
}

impl Failure {
    /// The upstream does not work: another attempt may succeed.
    pub fn broken(error: Error) -> Self {
        Self { error: Box::new(error), broken: true, wait: None }
    }

    /// The upstream answered, and would answer the same again.
    pub fn answered(error: Error) -> Self {
        Self { error: Box::new(error), broken: false, wait: None }
    }

    /// What an answer without a result means (RFC 9110 §15, RFC 6585 §4, GitHub's rate limits).
    pub(crate) fn of_answer(
        service: &'static str,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Self {
        let wait = wait(headers, SystemTime::now());
        let upstream = |problem: &str| {
            let kind =
                ErrorKind::Upstream { service: service.into(), status: Some(status.as_u16()) };
            Error::new(kind, format!("{service} {problem}"))
        };
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::limited(service, wait),
            StatusCode::FORBIDDEN if is_used_up(headers) => Self::limited(service, wait),
            StatusCode::NOT_FOUND => {
                Self::answered(Error::not_found(format!("{service} does not know it")))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Self::answered(upstream("refused this server's credentials"))
            }
            status if status.is_redirection() => {
                Self::answered(upstream("sent us elsewhere, where this server does not go"))
            }
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                Self { wait, ..Self::broken(upstream("failed")) }
            }
            _ => Self::answered(upstream("did not accept the request")),
        }
    }

    fn limited(service: &str, wait: Option<Duration>) -> Self {
        let kind = ErrorKind::RateLimited { retry_after: wait.unwrap_or(UNKNOWN_WAIT) };
        let error = Error::new(kind, format!("{service} limits how often it is asked"));
        Self { wait, ..Self::answered(error) }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        *failure.error
    }
}

/// Whether the headers say that no request is left; GitHub's secondary limits say when to come back instead.
fn is_used_up(headers: &HeaderMap) -> bool {
    text(headers, "x-ratelimit-remaining") == Some("0") || headers.contains_key(RETRY_AFTER)
}

/// How long to wait: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else `x-ratelimit-reset` as Unix time.
fn wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let until = |time: SystemTime| time.duration_since(now).unwrap_or_default();
    let told = match text(headers, RETRY_AFTER.as_str()) {
        Some(seconds) if is_number(seconds) => {
            Some(seconds.parse().map_or(LONGEST_WAIT, Duration::from_secs))
        }
        Some(date) => DateTime::parse_from_rfc2822(date).ok().map(|date| until(date.into())),
        None => None,
    };
    let reset = || {
        let reset = text(headers, "x-ratelimit-reset").filter(|it| is_number(it))?.parse().ok()?;
        is_used_up(headers)
            .then(|| UNIX_EPOCH.checked_add(Duration::from_secs(reset)).map(until))?
    };
    told.or_else(reset).map(|wait| wait.min(LONGEST_WAIT))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (name.parse().unwrap(), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_wait_is_read_in_every_form_in_which_it_is_told() {
        let now = UNIX_EPOCH + Duration::from_mins(24_090_207);
        for (told, expected) in [
            (vec![("retry-after", "7")], Some(7)),
            (vec![("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")], Some(60)),
            (vec![("retry-after", "Wed, 21 Oct 2015 07:00:00 GMT")], Some(0)),
            (vec![("retry-after", "99999999999999999999999")], Some(86_400)),
            (vec![("retry-after", "-1")], None),
            (vec![("retry-after", "soon")], None),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1445412430")], Some(10)),
            (vec![("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "1445412430")], None),
            (vec![], None),
        ] {
            assert_eq!(wait(&headers(&told), now), expected.map(Duration::from_secs), "{told:?}");
        }
    }

    #[test]
    fn a_403_is_a_limit_only_when_no_request_is_left() {
        let used_up = headers(&[("x-ratelimit-remaining", "0")]);
        let limited = Failure::of_answer("GitHub", StatusCode::FORBIDDEN, &used_up);
        assert_eq!(*limited.error.kind(), ErrorKind::RateLimited { retry_after: UNKNOWN_WAIT });
        let refused = Failure::of_answer("GitHub", StatusCode::FORBIDDEN, &HeaderMap::new());
        let service = "GitHub".into();
        assert_eq!(*refused.error.kind(), ErrorKind::Upstream { service, status: Some(403) });
    }
}
