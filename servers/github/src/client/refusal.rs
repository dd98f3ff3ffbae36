//! What GitHub refuses, in the terms of ours (<https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>).

use std::time::Duration;

use http::StatusCode;
use mcp_chassis::{Error, ErrorKind};
use octocrab::GitHubError;
use serde_json::Value;

/// As people know it.
pub(super) const SERVICE: &str = "GitHub";
/// What GitHub asks for when it limits us without saying for how long.
const UNKNOWN_WAIT: Duration = Duration::from_mins(1);
/// The longest reason that is passed on, in characters.
const MAX_REASON: usize = 200;

/// What a refusal means to the caller.
pub(super) fn told(error: octocrab::Error) -> Error {
    match error {
        octocrab::Error::GitHub { source, .. } => refusal(&source),
        _ => unreadable(),
    }
}

fn refusal(error: &GitHubError) -> Error {
    let forbidden =
        |text: &'static str| Error::new(ErrorKind::Forbidden { scopes: Vec::new() }, text);
    match error.status_code {
        StatusCode::FORBIDDEN if is_limit(error) => {
            let kind = ErrorKind::RateLimited { retry_after: UNKNOWN_WAIT };
            Error::new(kind, "GitHub limits how often it is asked")
        }
        StatusCode::FORBIDDEN => forbidden("GitHub does not let this server's credentials do that"),
        StatusCode::UNAUTHORIZED => upstream(
            "refused this server's credentials, its operators must renew them",
            error.status_code,
        ),
        StatusCode::NOT_FOUND => {
            Error::not_found("GitHub does not know it, or does not show it to this server")
        }
        StatusCode::GONE => {
            Error::not_found("it is not there any more, or switched off for this repository")
        }
        StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => {
            Error::not_found("GitHub does not show it for legal reasons")
        }
        StatusCode::CONFLICT if is_empty(error) => Error::not_found("the repository is empty"),
        StatusCode::CONFLICT => {
            Error::conflict(format!("GitHub reports a conflict{}", reason(error)))
        }
        StatusCode::NOT_ACCEPTABLE | StatusCode::PAYLOAD_TOO_LARGE => {
            invalid("it is too large for GitHub to show whole, ask for a part".to_owned())
        }
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            invalid(format!("GitHub did not accept it{}", reason(error)))
        }
        status => upstream("did not accept the request", status),
    }
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidInput { fields: Vec::new() }, text)
}

fn upstream(problem: &str, status: StatusCode) -> Error {
    let kind = ErrorKind::Upstream { service: SERVICE.into(), status: Some(status.as_u16()) };
    Error::new(kind, format!("{SERVICE} {problem}"))
}

/// GitHub's answer is none that this server knows.
pub(crate) fn unreadable() -> Error {
    let kind = ErrorKind::Upstream { service: SERVICE.into(), status: None };
    Error::new(kind, format!("{SERVICE} answered something that cannot be read"))
}

/// A secondary limit may come without any header that says so.
fn is_limit(error: &GitHubError) -> bool {
    let message = error.message.to_ascii_lowercase();
    message.contains("rate limit") || message.contains("abuse detection")
}

fn is_empty(error: &GitHubError) -> bool {
    error.message.to_ascii_lowercase().contains("repository is empty")
}

/// GitHub's own reason, without what is no plain word: `: Validation Failed (title missing_field)`.
fn reason(error: &GitHubError) -> String {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let fault = |value: &Value| match text(value, "message") {
        Some(message) => Some(message),
        None => Some(format!("{} {}", text(value, "field")?, text(value, "code")?)),
    };
    let faults: Vec<String> = error.errors.iter().flatten().filter_map(fault).take(5).collect();
    let whole = if faults.is_empty() {
        error.message.clone()
    } else {
        format!("{} ({})", error.message, faults.join(", "))
    };
    let plain =
        |character: &char| character.is_ascii_alphanumeric() || " _-.,'()".contains(*character);
    let plain: String = whole.chars().filter(plain).take(MAX_REASON).collect();
    if plain.trim().is_empty() { String::new() } else { format!(": {}", plain.trim()) }
}
