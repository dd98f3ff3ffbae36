//! The one way from a credential to a principal.

use std::sync::Arc;

use chrono::Utc;

use crate::{ApiKeys, AuthError, Credential, Principal, Revocations, swap::Swap};

/// Checks credentials by the configured methods, and every one of them against the revocation list.
#[derive(Debug)]
pub struct Authenticator {
    api_keys: Swap<ApiKeys>,
    revocations: Arc<Revocations>,
}

impl Authenticator {
    /// An authenticator that accepts nothing yet.
    pub fn new(revocations: Arc<Revocations>) -> Self {
        Self { api_keys: Swap::default(), revocations }
    }

    /// Accepts these API keys from now on and no others; a reload calls it again.
    pub fn set_api_keys(&self, keys: ApiKeys) {
        self.api_keys.store(keys);
    }

    /// Who sent `credential`.
    ///
    /// # Errors
    ///
    /// Why it is not accepted. [`AuthError::Unavailable`] when that cannot be told now.
    pub async fn authenticate(&self, credential: &Credential) -> Result<Principal, AuthError> {
        let principal = self.identify(credential).await?;
        if self.revocations.is_revoked(&principal, Utc::now()) {
            return Err(AuthError::Revoked);
        }
        Ok(principal)
    }

    #[expect(clippy::unused_async, reason = "tokens are verified here next")]
    async fn identify(&self, credential: &Credential) -> Result<Principal, AuthError> {
        if let Some(found) = self.api_keys.load().find(credential, Utc::now()) {
            return found;
        }
        Err(AuthError::Invalid { reason: "unknown_credential" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Authenticator;
    use crate::{ApiKeys, AuthError, Credential, Revocations, ScopeSet};

    fn bearer(token: &str) -> Credential {
        Credential::from_headers([format!("Bearer {token}").as_bytes()], []).unwrap()
    }

    fn keys(list: &str) -> ApiKeys {
        ApiKeys::from_plain(&list.into(), &ScopeSet::default()).unwrap()
    }

    #[tokio::test]
    async fn a_key_is_good_until_it_is_revoked_or_withdrawn() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let revocations = Arc::new(Revocations::default());
        let authenticator = Authenticator::new(Arc::clone(&revocations));
        authenticator.set_api_keys(keys("0123456789abcdef,fedcba9876543210"));
        let first = bearer("0123456789abcdef");
        let second = bearer("fedcba9876543210");
        authenticator.authenticate(&first).await.unwrap();
        authenticator.authenticate(&second).await.unwrap();

        std::fs::write(file.path(), format!("key:{}\n", first.fingerprint())).unwrap();
        revocations.reload(file.path()).unwrap();
        assert_eq!(authenticator.authenticate(&first).await.unwrap_err(), AuthError::Revoked);

        authenticator.set_api_keys(keys("0123456789abcdef"));
        let error = authenticator.authenticate(&second).await.unwrap_err();
        assert_eq!(error.reason(), "unknown_credential");
    }
}
