//! What `doctor` says of one thing that it looked at.

use serde::Serialize;

/// One thing that was looked at: what it is called, how it stands, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    pub(crate) detail: String,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Ok,
    /// Works, and yet is not as an operator would want it.
    Warn,
    /// Unsafe or broken: `doctor` ends with 1.
    Fail,
}

impl Finding {
    /// As it should be.
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into() }
    }

    /// Works, and yet is not as an operator would want it. `detail` names the setting and the mend, never a secret.
    pub fn warn(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, detail: detail.into() }
    }

    /// Unsafe or broken. `detail` names the setting and the mend, never a secret.
    pub fn fail(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, detail: detail.into() }
    }
}

/// What a server's settings are judged against.
#[derive(Clone, Copy, Debug)]
pub struct Deployment {
    /// Callers of other machines come here, directly or through a proxy.
    pub is_reachable: bool,
    /// Tools that change something are offered.
    pub writes: bool,
}
