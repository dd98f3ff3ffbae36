//! The one way from a credential to a principal.

use std::sync::Arc;

use chrono::Utc;

use crate::{
    ApiKeys, AuthError, ClientCredentials, Credential, Introspection, JwtVerifier, Method,
    Principal, RevocationSource, Revocations, credential::Carrier, jwt::looks_like_jwt, swap::Swap,
};
#[cfg(feature = "certificates")]
use crate::{CertificateScopes, PeerCertificate};

/// Checks credentials by the configured methods, and every one of them against the revocation list.
#[derive(Debug)]
pub struct Authenticator {
    api_keys: Swap<ApiKeys>,
    jwt: Option<JwtVerifier>,
    introspection: Option<Introspection>,
    #[cfg(feature = "certificates")]
    certificates: Swap<CertificateScopes>,
    revocations: Arc<Revocations>,
    shared_revocations: Option<Arc<dyn RevocationSource>>,
}

impl Authenticator {
    /// An authenticator that accepts nothing yet.
    pub fn new(revocations: Arc<Revocations>) -> Self {
        Self {
            api_keys: Swap::default(),
            jwt: None,
            introspection: None,
            #[cfg(feature = "certificates")]
            certificates: Swap::default(),
            revocations,
            shared_revocations: None,
        }
    }

    /// Also accepts signed tokens.
    #[must_use]
    pub fn with_jwt(mut self, jwt: JwtVerifier) -> Self {
        self.jwt = Some(jwt);
        self
    }

    /// Also accepts tokens that the issuer vouches for.
    #[must_use]
    pub fn with_introspection(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(introspection);
        self
    }

    /// Also refuses what stands in a list that several processes share.
    #[must_use]
    pub fn with_shared_revocations(mut self, source: Arc<dyn RevocationSource>) -> Self {
        self.shared_revocations = Some(source);
        self
    }

    /// Accepts these API keys from now on and no others; a reload calls it again.
    pub fn set_api_keys(&self, keys: ApiKeys) {
        self.api_keys.store(keys);
    }

    /// Asks the introspection endpoint, where there is one, as this client from now on. The one before stays usable for
    /// five minutes.
    pub fn set_introspection_client(&self, client: ClientCredentials) {
        if let Some(introspection) = &self.introspection {
            introspection.set_client(client);
        }
    }

    /// Accepts certificates with these names from now on and no others; a reload calls it again.
    #[cfg(feature = "certificates")]
    pub fn set_certificates(&self, scopes: CertificateScopes) {
        self.certificates.store(scopes);
    }

    /// Whether credentials can be checked: for a readiness probe.
    ///
    /// # Errors
    ///
    /// [`AuthError::Unavailable`] while the issuer's keys are not known.
    pub async fn ready(&self) -> Result<(), AuthError> {
        match &self.jwt {
            Some(jwt) => jwt.ready().await,
            None => Ok(()),
        }
    }

    /// Who sent `credential`.
    ///
    /// # Errors
    ///
    /// Why it is not accepted. [`AuthError::Unavailable`] when that cannot be told now.
    pub async fn authenticate(&self, credential: &Credential) -> Result<Principal, AuthError> {
        self.unrevoked(self.identify(credential).await?).await
    }

    /// Who is at the other end of a connection, by the certificate that TLS has verified.
    ///
    /// # Errors
    ///
    /// When none of its names is listed, it has expired meanwhile, or it was revoked.
    #[cfg(feature = "certificates")]
    pub async fn authenticate_certificate(
        &self,
        certificate: &PeerCertificate,
    ) -> Result<Principal, AuthError> {
        let principal = self.certificates.load().identify(certificate, Utc::now())?;
        self.unrevoked(principal).await
    }

    async fn unrevoked(&self, principal: Principal) -> Result<Principal, AuthError> {
        if self.is_revoked(&principal).await? { Err(AuthError::Revoked) } else { Ok(principal) }
    }

    /// Whether a principal's credential was withdrawn meanwhile: for streams that outlive their request.
    ///
    /// An API key and a certificate are withdrawn by leaving them out of a reload, too.
    ///
    /// # Errors
    ///
    /// [`AuthError::Unavailable`] when that cannot be told now.
    pub async fn is_revoked(&self, principal: &Principal) -> Result<bool, AuthError> {
        let is_gone = match principal.method() {
            Method::ApiKey => !self.api_keys.load().holds(principal),
            #[cfg(feature = "certificates")]
            Method::Mtls => !self.certificates.load().holds(principal),
            _ => false,
        };
        if is_gone || self.revocations.is_revoked(principal, Utc::now()) {
            return Ok(true);
        }
        match &self.shared_revocations {
            Some(source) => source.is_revoked(principal).await,
            None => Ok(false),
        }
    }

    /// The first method that the credential fits decides; none falls back to a laxer one.
    async fn identify(&self, credential: &Credential) -> Result<Principal, AuthError> {
        if let Some(found) = self.api_keys.load().find(credential, Utc::now()) {
            return found;
        }
        let bearer = credential.carrier() == Carrier::Bearer;
        match (&self.jwt, &self.introspection) {
            (Some(jwt), _) if bearer && looks_like_jwt(credential.expose()) => {
                jwt.verify(credential).await
            }
            (_, Some(introspection)) if bearer => introspection.verify(credential).await,
            _ => Err(AuthError::Invalid { reason: "unknown_credential" }),
        }
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
        let listening = authenticator.authenticate(&second).await.unwrap();
        assert!(!authenticator.is_revoked(&listening).await.unwrap());

        std::fs::write(file.path(), format!("key:{}\n", first.fingerprint())).unwrap();
        revocations.reload(file.path()).unwrap();
        assert_eq!(authenticator.authenticate(&first).await.unwrap_err(), AuthError::Revoked);

        authenticator.set_api_keys(keys("0123456789abcdef"));
        let error = authenticator.authenticate(&second).await.unwrap_err();
        assert_eq!(error.reason(), "unknown_credential");
        assert!(authenticator.is_revoked(&listening).await.unwrap());
    }
}
